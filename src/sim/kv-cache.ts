// KV-cache blocks of the simulated engine: who holds how many, which full prompt blocks are shared by requests
// that begin alike, and which of those stay, unheld, until the room is needed (least recently used goes first).

/** What one sequence holds. */
export interface KvHold {
  /** Blocks in all, the shared ones included. */
  blocks: number;
  /** Chained hashes of the shared blocks that it refers to. */
  shared: number[];
}

export interface KvCache {
  readonly capacity: number;
  /** Blocks that a running sequence holds; cached blocks that nobody holds are free. */
  used(): number;
  /** Takes hold of cached blocks that match a prompt's hashes from its start; gives how many. */
  match(hold: KvHold, hashes: readonly number[]): number;
  /** Grows the hold to `blocks`; false (and nothing changed) where there is no room. */
  reserve(hold: KvHold, blocks: number): boolean;
  /** Lets later prompts find this sequence's computed prompt blocks. */
  publish(hold: KvHold, hashes: readonly number[]): void;
  release(hold: KvHold): void;
}

export function createKvCache(capacity: number): KvCache {
  let used = 0;
  const references = new Map<number, number>();
  /** Published blocks that nobody holds; a Map keeps the order in which they were let go. */
  const idle = new Map<number, true>();

  return {
    capacity,
    used: () => used,

    match(hold, hashes) {
      let matched = 0;
      for (const hash of hashes) {
        const count = references.get(hash);
        if (count === undefined) break;
        if (count === 0) {
          idle.delete(hash);
          used++;
        }
        references.set(hash, count + 1);
        hold.shared.push(hash);
        matched++;
      }
      hold.blocks += matched;
      return matched;
    },

    reserve(hold, blocks) {
      const wanted = blocks - hold.blocks;
      if (wanted <= 0) return true;
      if (used + wanted > capacity) return false;
      used += wanted;
      hold.blocks = blocks;
      for (const hash of idle.keys()) {
        if (used + idle.size <= capacity) break;
        idle.delete(hash);
        references.delete(hash);
      }
      return true;
    },

    publish(hold, hashes) {
      for (let i = hold.shared.length; i < hashes.length; i++) {
        const hash = hashes[i]!;
        // Somebody else computed the same block meanwhile: this copy stays private, and so must what follows it.
        if (references.has(hash)) return;
        references.set(hash, 1);
        hold.shared.push(hash);
      }
    },

    release(hold) {
      used -= hold.blocks - hold.shared.length;
      // Last block first: a chain is only useful from its start, so its end is evicted first.
      for (let i = hold.shared.length - 1; i >= 0; i--) {
        const hash = hold.shared[i]!;
        const count = references.get(hash)! - 1;
        references.set(hash, count);
        if (count === 0) {
          idle.set(hash, true);
          used--;
        }
      }
      hold.blocks = 0;
      hold.shared = [];
    },
  };
}
