// Where requests go and with which headers, and how what comes back from there is made fit to be stored. Pure.

import { maskSecrets } from '../deployment/mask.ts';
import type { Target } from '../deployment/target.ts';

export type { Target } from '../deployment/target.ts';

/** Origin and path of an API below a target's URL. */
export function locate(target: Target, path: string): { origin: string; fullPath: string } {
  const url = new URL(target.url);
  const base = url.pathname.replace(/\/+$/, '');
  // `url: http://host/v1` is as common as `http://host`; both mean the same place.
  const joined = base.endsWith('/v1') && path.startsWith('/v1/') ? base + path.slice(3) : base + path;
  return { origin: url.origin, fullPath: joined + url.search };
}

/** The user's headers win over ours. Flat, so that they are not built for every request. */
export function headersOf(target: Target, streamed: boolean): string[] {
  const accept = streamed ? 'text/event-stream' : 'application/json';
  const headers: Record<string, string> = { 'content-type': 'application/json', accept, 'user-agent': 'plimsoll' };
  for (const [name, value] of Object.entries(target.headers)) headers[name.toLowerCase()] = value;
  return Object.entries(headers).flat();
}

/** Header values that must not come back in an error. */
export const secretsOf = (target: Target): string[] =>
  Object.values(target.headers)
    .map((value) => value.replace(/^(bearer|basic)\s+/i, ''))
    .filter((value) => value.length >= 8);

/** One printable line of at most 200 characters, without secrets: they go before anything is cut in two. */
export function sanitise(text: string, secrets: readonly string[]): string {
  return maskSecrets(text, secrets)
    .slice(0, 2_000)
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim()
    .slice(0, 200);
}

export const sanitiseId = (id: string | null): string | null =>
  id === null ? null : id.replace(/[^\x21-\x7e]/g, '').slice(0, 128);
