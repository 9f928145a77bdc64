// Opens connections to a target over the transport that fits: our own sockets for plain HTTP without a proxy, which is
// the hot path, and undici for TLS and proxies. Above this file nobody can tell which.

import { proxiesFor, type Target } from '../deployment/target.ts';
import { openRaw } from './pool.ts';
import { openUndici } from './undici.ts';
import type { Connections } from './waist.ts';

export type { Connections, Controller, Handler, RequestOptions } from './waist.ts';

export type Transport = (target: Target, env: NodeJS.ProcessEnv) => Connections;

/** @param env where proxies are looked for */
export const openConnections = (target: Target, env: NodeJS.ProcessEnv = process.env): Connections =>
  transportFor(target, env)(target, env);

export const transportFor = (target: Target, env: NodeJS.ProcessEnv = process.env): Transport =>
  new URL(target.url).protocol === 'http:' && proxiesFor(target.url, env) === null ? openRaw : openUndici;
