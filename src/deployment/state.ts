// The state folder: what this user's Plimsoll processes have started on this machine, one JSON file per owner
// process, written before and right after each spawn, so that whatever kills the owner, the next one can clean up.

import { randomBytes } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { PlimsollError } from '../errors.ts';
import { writeFileAtomic } from '../files.ts';
import { identify, type ProcessIdentity } from './processes.ts';

export const identitySchema = z.object({
  pid: z.number().int().positive(),
  startTime: z.string(),
  machineBoot: z.string(),
  pidSpace: z.string(),
});

const childSchema = z.object({
  /** Leader of its own process group and session. */
  pid: z.number().int().positive(),
  startTime: z.string(),
  marker: z.string(),
  /** What it is for, and its command with secrets masked. */
  label: z.string(),
  command: z.string(),
  port: z.number().nullable(),
  log: z.string(),
  stopTimeoutMs: z.number(),
  startedAt: z.string(),
});
export type ChildRecord = z.output<typeof childSchema>;

const versionSchema = z.object({ schema: z.literal('plimsoll/owner'), version: z.literal(1) });
const ownerSchema = versionSchema.extend({
  id: z.string().regex(/^[a-z0-9-]+$/),
  process: identitySchema,
  label: z.string(),
  children: z.array(childSchema),
});
/** One Plimsoll process and what it has running. */
export type OwnerRecord = z.output<typeof ownerSchema>;

/** `$PLIMSOLL_STATE_DIR`, else a folder of this user below the temporary folder; made where it is missing. */
export function stateDir(): string {
  const uid = process.getuid?.() ?? 0;
  const path = process.env.PLIMSOLL_STATE_DIR ?? join(tmpdir(), `plimsoll-${uid}`);
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new PlimsollError('OUT_NOT_WRITABLE', `Cannot make the state folder ${path}: ${(error as Error).message}`, {
      hint: HINT,
      cause: error,
    });
  }
  // The name is predictable: someone else's folder could make us signal processes of their choice.
  const stats = lstatSync(path);
  if (process.getuid && stats.uid !== uid) {
    throw new PlimsollError(
      'OUT_NOT_WRITABLE',
      `The state folder ${path} belongs to another user (uid ${stats.uid}, this is ${uid}).`,
      { hint: HINT },
    );
  }
  return path;
}
const HINT = 'Set PLIMSOLL_STATE_DIR to a folder of this user, the same for all runs on this machine.';

export interface Owner {
  readonly id: string;
  readonly process: ProcessIdentity;
  /** For the action's post step, which cleans up by it. The file exists while something runs. */
  readonly statePath: string;
  /** A marker for the next spawn; on disk before it is given out. */
  nextMarker(label: string): string;
  add(child: ChildRecord): void;
  remove(marker: string): void;
}

let owner: Owner | undefined;

/** This process as an owner of what it spawns. */
export function thisOwner(): Owner {
  owner ??= createOwner();
  return owner;
}

function createOwner(): Owner {
  const id = `${process.pid}-${randomBytes(6).toString('hex')}`;
  const identity = identify(process.pid);
  if (!identity)
    throw new PlimsollError('INTERNAL', 'This process is missing from the process table.', {
      hint: 'Is /proc mounted?',
    });
  const statePath = join(stateDir(), `owner-${id}.json`);
  const children = new Map<string, ChildRecord>();
  let label = '';
  let spawns = 0;
  let pending = 0;
  const save = () => {
    if (children.size + pending === 0) return rmSync(statePath, { force: true });
    const record: OwnerRecord = {
      schema: 'plimsoll/owner',
      version: 1,
      id,
      process: identity,
      label,
      children: [...children.values()],
    };
    writeFileAtomic(statePath, `${JSON.stringify(record, null, 2)}\n`);
  };
  return {
    id,
    process: identity,
    statePath,
    nextMarker(newLabel) {
      label = newLabel;
      pending += 1;
      save();
      spawns += 1;
      return `${id}/${spawns}`;
    },
    add(child) {
      pending -= 1;
      children.set(child.marker, child);
      save();
    },
    remove(marker) {
      // A spawn that failed was never added.
      if (!children.delete(marker)) pending -= 1;
      save();
    },
  };
}

/** `damaged`: no JSON, or not what it says it is; `foreign`: another version's, or anything else. */
export type StoredOwner =
  | { readonly kind: 'whole'; readonly path: string; readonly record: OwnerRecord }
  | { readonly kind: 'damaged' | 'foreign'; readonly path: string; readonly record: null };

/** Every owner in the state folder, this process included. */
export function storedOwners(): StoredOwner[] {
  const folder = stateDir();
  return readdirSync(folder).flatMap((name) =>
    /^owner-[a-z0-9-]+\.json$/.test(name) ? (readOwner(join(folder, name)) ?? []) : [],
  );
}

/** By id or by the path of its state file; undefined where it has none (any more). */
export function readOwner(idOrPath: string): StoredOwner | undefined {
  const path = idOrPath.endsWith('.json') ? idOrPath : join(stateDir(), `owner-${basename(idOrPath)}.json`);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { kind: 'damaged', path, record: null };
  }
  const parsed = ownerSchema.safeParse(json);
  if (parsed.success) return { kind: 'whole', path, record: parsed.data };
  return { kind: versionSchema.safeParse(json).success ? 'damaged' : 'foreign', path, record: null };
}
