// Whether a host is this machine: decides what of this machine belongs to the deployment's environment.

import { lookup } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import { isLoopback } from './target.ts';

/** Loopback, or an address of one of this machine's interfaces; a name that can't be looked up is elsewhere. */
export async function isLocalHost(host: string): Promise<boolean> {
  if (isLoopback(host)) return true;
  const own = new Set(Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address)));
  try {
    const addresses = await lookup(host, { all: true });
    return addresses.some(({ address }) => own.has(address) || isLoopback(address));
  } catch {
    return false;
  }
}
