// What the client itself can run out of, open files and local ports, so that it is never blamed on the deployment:
// the limits, which failed connects are their doing, and the error that says what to do. Before a load: foresee.ts.

import { closeSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { PlimsollError } from '../errors.ts';

export type Shortage = 'open files' | 'open files of the system' | 'local ports';

/** null = this system does not say. */
export interface Limits {
  readonly openFiles: number | null;
  readonly systemFiles: number | null;
  /** First and last. */
  readonly ports: readonly [number, number] | null;
}

/** Read them before the load: once files have run out, these can't be read either. */
export function readLimits(): Limits {
  const openFiles = Number(/^Max open files\s+(\d+)/m.exec(read('/proc/self/limits'))?.[1] ?? Number.NaN);
  const systemFiles = Number.parseInt(read('/proc/sys/fs/file-max'), 10);
  const [first, last] = read('/proc/sys/net/ipv4/ip_local_port_range').trim().split(/\s+/).map(Number);
  return {
    openFiles: Number.isNaN(openFiles) ? null : openFiles,
    systemFiles: Number.isNaN(systemFiles) ? null : systemFiles,
    ports: first !== undefined && last !== undefined ? [first, last] : null,
  };
}

/** Open files of this process, all threads; null = this system does not say. */
export function openFilesNow(): number | null {
  try {
    // Since Linux 6.2 the size of this folder is the number of its entries; counting them takes ms where they are many.
    const { size } = statSync('/proc/self/fd');
    return size > 0 ? size : readdirSync('/proc/self/fd').length;
  } catch {
    return null;
  }
}

/** The text of a file below /proc; empty where there is none. */
export function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

const HAS_IPV6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ family }) => family === 'IPv6'),
);

/** Which shortage of the client kept a connection from being opened; null = none, it was the other side. */
export function shortageOf(error: Error): Shortage | null {
  if (error instanceof AggregateError)
    return error.errors.map(shortageOf).find((shortage) => shortage !== null) ?? null;
  const { code, syscall, address } = error as NodeJS.ErrnoException & { address?: string };
  if (code === 'EMFILE') return 'open files';
  if (code === 'ENFILE') return 'open files of the system';
  // Node's loader of modules keeps no code, only the words for it.
  if (/\btoo many open files\.?$/.test(error.message)) return 'open files';
  // Where there is no IPv6, ::1 is not available either, however many ports are left.
  if (code === 'EADDRNOTAVAIL') return isIPv6(address ?? '') && !HAS_IPV6 ? null : 'local ports';
  // Looking up a name takes a file too; without one the resolver only says that it knows no such name.
  return syscall === 'getaddrinfo' ? filesShort() : null;
}

function filesShort(): Shortage | null {
  try {
    closeSync(openSync('/dev/null', 'r'));
    return null;
  } catch (error) {
    return shortageOf(error as Error);
  }
}

/** Beside the connections: Node itself, the run's own files, the samplers. */
export const OTHER_FILES = 100;

/**
 * It ran out during a load.
 * @param connections as many as are likely to be needed
 * @param inFlight requests in flight when it ran out
 */
export function limitError(shortage: Shortage, limits: Limits, connections: number, inFlight: number): PlimsollError {
  const known = (limit: number | null): string => (limit === null ? '' : `: the limit is ${limit}`);
  const needed = Math.max(connections, inFlight) + OTHER_FILES;
  const use =
    inFlight === 0
      ? 'its workers were still being started'
      : `about ${inFlight} requests were in flight, each on a connection of its own`;
  const hint = hintOf(shortage, needed);
  switch (shortage) {
    case 'open files':
      return new PlimsollError(
        'CLIENT_LIMITS',
        `The client ran out of open files${known(limits.openFiles)}; ${use}, and this load needs ${needed} or more.`,
        { hint },
      );
    case 'open files of the system':
      return new PlimsollError(
        'CLIENT_LIMITS',
        `The client's machine ran out of open files${known(limits.systemFiles)} (fs.file-max); ${use}, and this load needs ${needed} or more.`,
        { hint },
      );
    case 'local ports': {
      const { ports } = limits;
      const range =
        ports === null
          ? ''
          : `: there are ${ports[1] - ports[0] + 1}, ${ports[0]} to ${ports[1]} (net.ipv4.ip_local_port_range)`;
      return new PlimsollError(
        'CLIENT_LIMITS',
        `The client ran out of local ports${range}; ${use}, and the port of a closed one stays taken for a minute.`,
        { hint },
      );
    }
  }
}

/** What to do about it. @param needed files or ports */
export function hintOf(shortage: Shortage, needed: number): string {
  const or = 'or lower the load or client.maxInFlight';
  switch (shortage) {
    case 'open files': {
      // Room for a deployment that slows down under this load.
      const raised = 2 ** Math.ceil(Math.log2(Math.max(1_000, 2 * needed)));
      return `Run \`ulimit -n ${raised}\` before it (a service: LimitNOFILE=${raised}, a container: --ulimit nofile=${raised}), ${or}.`;
    }
    case 'open files of the system':
      return `Find what holds them (\`lsof\`), raise fs.file-max with sysctl, ${or}.`;
    case 'local ports':
      return `Widen the range (\`sysctl -w net.ipv4.ip_local_port_range="1024 65535"\`), have the server keep connections alive, ${or}.`;
  }
}
