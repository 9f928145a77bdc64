// Before a load: how many connections it is going to need, and whether this machine has the files and ports for them,
// so that a load which can't work is refused before it costs anything, and one that gets near a limit is warned of.

import { lookup } from 'node:dns/promises';
import { isIPv4, isIPv6 } from 'node:net';
import { PlimsollError } from '../errors.ts';
import { hintOf, type Limits, OTHER_FILES, openFilesNow, read, readLimits, type Shortage } from './limits.ts';
import { highestRate, type LoadPlan, type PhasePlan } from './plan.ts';

/** What is left; null = this system does not say. */
export interface Room {
  /** Files that this process may still open. */
  readonly openFiles: number | null;
  readonly systemFiles: number | null;
  /** Local ports for connections to the target. */
  readonly ports: number | null;
}

export interface Foresight {
  /** The load can't be carried out here. */
  readonly refusal: PlimsollError | null;
  /** A limit that it gets near to, or may pass where the deployment slows down. */
  readonly warnings: readonly string[];
}

/** Where nothing is known: no model answers quicker than this, … */
const QUICKEST_ANSWER_MS = 50;
/** … and one that keeps up may well take this long. */
const LIKELY_ANSWER_MS = 2_000;
/** Of what is left: past it a load is near a limit. */
const NEAR = 0.8;

/**
 * @param answerMs how long an answer takes when little is asked; null = not known yet
 */
export function foresee(plan: LoadPlan, room: Room, answerMs: number | null): Foresight {
  const surely = connectionsOf(plan, answerMs ?? QUICKEST_ANSWER_MS);
  const likely = connectionsOf(plan, answerMs === null ? LIKELY_ANSWER_MS : 2 * answerMs);
  const scarce: readonly (readonly [Shortage, left: number | null, others: number])[] = [
    ['open files', room.openFiles, OTHER_FILES],
    ['open files of the system', room.systemFiles, OTHER_FILES],
    ['local ports', room.ports, 0],
  ];
  const warnings: string[] = [];
  for (const [shortage, left, others] of scarce) {
    if (left === null) continue;
    const says = (needed: number): string =>
      `${plan.stage} needs about ${needed} ${NOUN[shortage]} for its connections, and ${Math.max(0, left)} ${left === 1 ? 'is' : 'are'} left`;
    if (surely + others > left) {
      const refusal = new PlimsollError('CLIENT_LIMITS', `${says(surely + others)}.`, {
        hint: hintOf(shortage, surely + others),
      });
      return { refusal, warnings: [] };
    }
    if (likely + others > NEAR * left) warnings.push(`${says(likely + others)}. ${hintOf(shortage, likely + others)}`);
  }
  return { refusal: null, warnings };
}

const NOUN = {
  'open files': 'open files',
  'open files of the system': 'of the system’s open files (fs.file-max)',
  'local ports': 'local ports (net.ipv4.ip_local_port_range)',
} as const satisfies Record<Shortage, string>;

/** Connections that a plan has open at its peak: by Little's law, and never more than its cap. */
export const connectionsOf = (plan: LoadPlan, answerMs = LIKELY_ANSWER_MS): number =>
  Math.min(plan.maxInFlight, Math.ceil(Math.max(0, ...plan.phases.map((phase) => concurrencyOf(phase, answerMs)))));

/** Requests in flight, on average, at the busiest moment of a phase (Little 1961: L = λW). */
export const concurrencyOf = ({ load }: PhasePlan, answerMs: number): number =>
  load.kind === 'closed' ? load.users : (highestRate(load) * answerMs) / 1_000;

/** What this process and machine have left for connections to `url`. */
export async function readRoom(url: string, limits: Limits = readLimits()): Promise<Room> {
  const used = openFilesNow();
  const [allocated, , most] = read('/proc/sys/fs/file-nr').trim().split(/\s+/).map(Number);
  return {
    openFiles: limits.openFiles === null || used === null ? null : limits.openFiles - used,
    systemFiles: most === undefined || allocated === undefined ? null : most - allocated,
    ports: limits.ports === null ? null : limits.ports[1] - limits.ports[0] + 1 - (await portsTaken(url, limits.ports)),
  };
}

/** Ports of the range that hold a connection to `url`; others may share a port with ours, theirs is another pair. */
async function portsTaken(url: string, [first, last]: readonly [number, number]): Promise<number> {
  const { hostname, port, protocol } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  const addresses = await lookup(host, { all: true }).catch(() => []);
  const number = Number(port === '' ? (protocol === 'https:' ? 443 : 80) : port);
  const remotes = new Set(addresses.map(({ address }) => `${procAddress(address)}:${hex(number, 4)}`));
  const reused = reusesWaiting(addresses.map(({ address }) => address));
  let taken = 0;
  for (const line of `${read('/proc/net/tcp')}\n${read('/proc/net/tcp6')}`.split('\n')) {
    const [, local = '', remote = '', state] = line.trim().split(/\s+/);
    if (!remotes.has(remote) || (state === TIME_WAIT && reused)) continue;
    const localPort = Number.parseInt(local.slice(local.lastIndexOf(':') + 1), 16);
    if (localPort >= first && localPort <= last) taken += 1;
  }
  return taken;
}

const TIME_WAIT = '06';

/** Whether the kernel takes the port of a closed connection again: tcp_tw_reuse 1, or 2 on loopback. */
function reusesWaiting(addresses: readonly string[]): boolean {
  const setting = read('/proc/sys/net/ipv4/tcp_tw_reuse').trim();
  return setting === '1' || (setting === '2' && addresses.every((one) => one === '::1' || one.startsWith('127.')));
}

/** As /proc/net/tcp and tcp6 write it: words of 32 bits, in the machine's order. */
function procAddress(address: string): string {
  const bytes = isIPv4(address) ? address.split('.').map(Number) : isIPv6(address) ? bytesOfIPv6(address) : [];
  let text = '';
  for (let i = 0; i < bytes.length; i += 4) for (let j = 3; j >= 0; j--) text += hex(bytes[i + j]!, 2);
  return text;
}

function bytesOfIPv6(address: string): number[] {
  const [head = '', tail] = new URL(`http://[${address.split('%')[0]}]`).hostname.slice(1, -1).split('::');
  const words = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const after = words(tail ?? '');
  const before = words(head);
  const all = [...before, ...Array.from({ length: 8 - before.length - after.length }, () => '0'), ...after];
  return all.flatMap((word) => {
    const value = Number.parseInt(word, 16);
    return [value >> 8, value & 0xff];
  });
}

const hex = (value: number, digits: number): string => value.toString(16).toUpperCase().padStart(digits, '0');
