// Who listens where on this machine, from /proc/net/tcp{,6} and the sockets in /proc/<pid>/fd. Where /proc can't
// tell (another user's process, another system) the answer is simply empty.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { connect } from 'node:net';

/** The host and port that a URL means, without the brackets of an IPv6 address. */
export function addressOf(url: string): { readonly host: string; readonly port: number } {
  const { hostname, port, protocol } = new URL(url);
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port),
  };
}

/** Whether something accepts connections there now. */
export function isListening(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(2_000, () => end(false));
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}

/** Pids that hold a listening socket on `port`, of the processes this user may look into. */
export function holdersOf(port: number, pids: Iterable<number> = allPids()): number[] {
  const inodes = new Set(listeningSockets().flatMap((socket) => (socket.port === port ? [socket.inode] : [])));
  if (inodes.size === 0) return [];
  return [...pids].filter((pid) => socketsOf(pid).some((inode) => inodes.has(inode)));
}

/** Ports that these processes listen on, ascending. */
export function listeningPorts(pids: Iterable<number>): number[] {
  const portByInode = new Map(listeningSockets().map((socket) => [socket.inode, socket.port]));
  const ports = new Set<number>();
  for (const pid of pids) {
    for (const inode of socketsOf(pid)) {
      const port = portByInode.get(inode);
      if (port !== undefined) ports.add(port);
    }
  }
  return [...ports].sort((a, b) => a - b);
}

const LISTEN = '0A';

function listeningSockets(): { readonly port: number; readonly inode: string }[] {
  return ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((path) => {
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch {
      return [];
    }
    // sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode …
    return text.split('\n').flatMap((line) => {
      const fields = line.trim().split(/\s+/);
      if (fields[3] !== LISTEN || fields[9] === undefined) return [];
      return [{ port: Number.parseInt(fields[1]!.slice(fields[1]!.lastIndexOf(':') + 1), 16), inode: fields[9] }];
    });
  });
}

function socketsOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return [];
  }
  return names.flatMap((name) => {
    try {
      const match = /^socket:\[(\d+)\]$/.exec(readlinkSync(`${folder}/${name}`));
      return match ? [match[1]!] : [];
    } catch {
      return [];
    }
  });
}

function allPids(): number[] {
  try {
    return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));
  } catch {
    return [];
  }
}
