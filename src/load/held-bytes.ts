// Bytes that must be kept until more of them have come: the unfinished line of a stream, the body of an answer.

const NOTHING = Buffer.alloc(0);
/** A buffer above this is given back when it is cleared: a thousand answers at rest would keep a thousand of them. */
const REUSED_BYTES = 8_192;

/** A buffer that doubles as it fills, so that a megabyte in one-byte packets is copied a few times and not once a packet. */
export class HeldBytes {
  length = 0;
  private bytes = NOTHING;
  private readonly limit: number;

  /** @param limit what comes beyond it is thrown away */
  constructor(limit = Number.POSITIVE_INFINITY) {
    this.limit = limit;
  }

  /** Copies it: its owner may use it again. */
  push(chunk: Buffer): void {
    const more = Math.min(chunk.length, this.limit - this.length);
    if (more <= 0) return;
    const needed = this.length + more;
    if (needed > this.bytes.length) {
      // Not from Node's pool: it would live as long as this does.
      const larger = Buffer.allocUnsafeSlow(
        Math.max(needed, Math.min(this.limit, Math.max(256, this.bytes.length * 2))),
      );
      this.bytes.copy(larger, 0, 0, this.length);
      this.bytes = larger;
    }
    chunk.copy(this.bytes, this.length, 0, more);
    this.length = needed;
  }

  text(encoding: 'latin1' | 'utf8'): string {
    return this.bytes.toString(encoding, 0, this.length);
  }

  clear(): void {
    this.length = 0;
    if (this.bytes.length > REUSED_BYTES) this.bytes = NOTHING;
  }
}
