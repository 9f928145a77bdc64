// One machine, one measurement: locks per GPU and per port, as files in the state folder that name their holder.
// A lock whose holder is dead is taken over; two that try so at once can't both succeed.

import { randomBytes } from 'node:crypto';
import { linkSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { DeploymentConfig } from '../config/schema.ts';
import { PlimsollError } from '../errors.ts';
import { visibleGpus } from './gpus.ts';
import { isLocalHost } from './hosts.ts';
import { addressOf } from './ports.ts';
import { isAlive } from './processes.ts';
import { identitySchema, stateDir, thisOwner } from './state.ts';

export interface Lock extends AsyncDisposable {
  readonly names: readonly string[];
  release(): void;
}

export interface LockOptions {
  /** How long to wait before LOCK_TIMEOUT. */
  readonly waitMs: number;
  /** What this run is called, for those who wait for it. */
  readonly label?: string | undefined;
  /** Told when the wait begins, when the holder changes, and once a minute. */
  readonly onWait?: ((message: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The locks that a run of this deployment needs: one per GPU it can see (`machine` without any) and one for its
 * port. An external deployment on another host only excludes a second run against the same address.
 */
export async function lockNames(config: Pick<DeploymentConfig, 'url' | 'env'>): Promise<readonly string[]> {
  const { host, port } = addressOf(config.url);
  if (!(await isLocalHost(host))) return [`target-${host}-${port}`];
  const gpus = await visibleGpus({ ...process.env, ...config.env });
  return [...(gpus.length > 0 ? gpus.map((gpu) => `gpu-${gpu}`) : ['machine']), `port-${port}`];
}

/** Takes one lock. @throws PlimsollError LOCK_TIMEOUT (who holds it), CANCELLED */
export async function acquireLock(name: string, options: LockOptions): Promise<Lock> {
  const path = join(stateDir(), `lock-${name.replaceAll(/[^A-Za-z0-9._-]/g, '_')}.json`);
  const mine: Holder = {
    schema: 'plimsoll/lock',
    token: randomBytes(8).toString('hex'),
    process: thisOwner().process,
    label: options.label ?? 'plimsoll',
    since: new Date().toISOString(),
  };
  const startMs = performance.now();
  let told: { token: string; atMs: number } | undefined;
  for (;;) {
    if (options.signal?.aborted)
      throw new PlimsollError('CANCELLED', `Cancelled while waiting for the lock "${name}".`);
    const holder = tryTake(path, mine);
    if (holder === null) {
      const release = () => {
        if (readHolder(path)?.token === mine.token) rmSync(path, { force: true });
      };
      return { names: [name], release, [Symbol.asyncDispose]: async () => release() };
    }
    const nowMs = performance.now();
    if (nowMs - startMs >= options.waitMs) {
      throw new PlimsollError(
        'LOCK_TIMEOUT',
        `Waited ${Math.round(options.waitMs / 1_000)} s for ${describeLock(name)}: held by ${describeHolder(holder)}.`,
        {
          hint: `Wait for that run to end or raise \`lock.wait\`.${isAlive(holder.process) === 'unknown' ? ` It was taken in another container; if that is gone for good, remove ${path}.` : ''}`,
        },
      );
    }
    if (told?.token !== holder.token || nowMs - told.atMs >= 60_000) {
      told = { token: holder.token, atMs: nowMs };
      options.onWait?.(`Waiting for ${describeLock(name)}, held by ${describeHolder(holder)}`);
    }
    await sleep(Math.min(POLL_MS, options.waitMs), undefined, { signal: options.signal }).catch(() => {
      // Cancelled: the next turn says so.
    });
  }
}

/** Takes all of them, always in the same order, so that two runs can't hold what the other waits for. */
export async function acquireLocks(names: readonly string[], options: LockOptions): Promise<Lock> {
  const endMs = performance.now() + options.waitMs;
  const locks: Lock[] = [];
  const release = () => {
    for (const lock of locks.toReversed()) lock.release();
  };
  try {
    for (const name of [...new Set(names)].sort()) {
      locks.push(await acquireLock(name, { ...options, waitMs: Math.max(0, endMs - performance.now()) }));
    }
  } catch (error) {
    release();
    throw error;
  }
  return { names: locks.flatMap((lock) => lock.names), release, [Symbol.asyncDispose]: async () => release() };
}

/** Who holds which locks of this user now, in words: "GPU 0: process 41 (label) since …". */
export function heldLocks(): readonly string[] {
  const names = readdirSync(stateDir()).flatMap((file) => /^lock-(.*)\.json$/.exec(file)?.[1] ?? []);
  return names.sort().flatMap((name) => {
    const holder = readHolder(join(stateDir(), `lock-${name}.json`));
    return holder === undefined || isAlive(holder.process) === 'dead'
      ? []
      : [`${describeLock(name)}: ${describeHolder(holder)}`];
  });
}

const POLL_MS = 250;

const holderSchema = z.object({
  schema: z.literal('plimsoll/lock'),
  token: z.string().regex(/^[0-9a-f]{16}$/),
  process: identitySchema,
  label: z.string(),
  since: z.string(),
});
type Holder = z.output<typeof holderSchema>;

/**
 * Null when the lock is ours now, else who holds it. A link fails where the name exists and shows the whole
 * content at once. A dead holder's lock is replaced only by who holds the claim on exactly that token, a lock of
 * the same kind (should its holder die in between, it is claimed the same way): so no one removes a lock that
 * another has just taken over.
 */
function tryTake(path: string, mine: Holder): Holder | null {
  const temporary = `${path}.${mine.token}.tmp`;
  for (;;) {
    try {
      try {
        writeFileSync(temporary, JSON.stringify(mine), { mode: 0o600 });
        linkSync(temporary, path);
        return null;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
          throw new PlimsollError('OUT_NOT_WRITABLE', `Cannot make the lock ${path}: ${(error as Error).message}`, {
            hint: 'Set PLIMSOLL_STATE_DIR to a folder on a local file system.',
            cause: error,
          });
        }
      }
      const holder = readHolder(path);
      if (!holder) continue;
      if (isAlive(holder.process) !== 'dead') return holder;
      const claim = `${path}.${holder.token}`;
      const claimant = tryTake(claim, { ...mine, token: randomBytes(8).toString('hex') });
      if (claimant) return claimant;
      try {
        if (readHolder(path)?.token === holder.token) {
          renameSync(temporary, path);
          return null;
        }
      } finally {
        rmSync(claim, { force: true });
      }
    } finally {
      rmSync(temporary, { force: true });
    }
  }
}

/** undefined where it is free. @throws PlimsollError LOCK_TIMEOUT where no Plimsoll wrote the file */
function readHolder(path: string): Holder | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return holderSchema.parse(JSON.parse(text));
  } catch {
    throw new PlimsollError('LOCK_TIMEOUT', `The lock file ${path} is damaged: it does not say who holds it.`, {
      hint: 'If no other run is under way, remove it.',
    });
  }
}

const describeHolder = (holder: Holder): string =>
  `process ${holder.process.pid} (${holder.label}) since ${holder.since}`;

function describeLock(name: string): string {
  const [, kind, rest] = /^(gpu|port|target)-(.*)$/.exec(name) ?? [];
  if (kind === 'gpu') return `GPU ${rest}`;
  if (kind === 'port') return `port ${rest}`;
  return kind === 'target' ? `the deployment at ${rest}` : name === 'machine' ? 'this machine' : `the lock "${name}"`;
}
