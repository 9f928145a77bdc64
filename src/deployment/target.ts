// Small requests to the deployment that are not load: readiness, versions, metrics. Headers, own certificate
// authorities and proxies are honoured; loopback never goes through a proxy.

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { rootCertificates } from 'node:tls';
import { Agent, type Dispatcher, EnvHttpProxyAgent, request } from 'undici';
import type { DeploymentConfig } from '../config/schema.ts';
import { PlimsollError } from '../errors.ts';
import { addressOf } from './ports.ts';

/** Where requests go. `ca` is the text (PEM) of a further trusted authority, not its path. */
export interface Target {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly ca?: string | undefined;
}

/** `failed`: no answer, with the reason in words. */
export type Answer =
  | { readonly kind: 'answer'; readonly status: number; readonly text: string }
  | { readonly kind: 'failed'; readonly reason: string };

export interface AskOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly maxBytes?: number;
}

export interface TargetClient {
  /** `path` is relative to the target's URL, or a whole URL. Never rejects. */
  get(path: string, options: AskOptions): Promise<Answer>;
  /** The same with a body, sent as JSON. */
  post(path: string, body: object, options: AskOptions): Promise<Answer>;
  close(): Promise<void>;
}

/** @throws PlimsollError CONFIG_INVALID where the file of `deployment.ca` can't be read */
export function targetOf(config: Pick<DeploymentConfig, 'url' | 'headers' | 'ca'>, cwd: string): Target {
  if (config.ca === undefined) return { url: config.url, headers: config.headers };
  const path = resolve(cwd, config.ca);
  try {
    return { url: config.url, headers: config.headers, ca: readFileSync(path, 'utf8') };
  } catch (error) {
    throw new PlimsollError('CONFIG_INVALID', `deployment.ca: cannot read ${path}: ${(error as Error).message}`, {
      hint: 'Give the path of a PEM file, relative to the configuration.',
      cause: error,
    });
  }
}

export function openTarget(target: Target): TargetClient {
  const dispatcher = createDispatcher(target);
  async function ask(path: string, body: object | null, options: AskOptions): Promise<Answer> {
    const { timeoutMs, signal, maxBytes = 65_536 } = options;
    const url = urlOn(target.url, path);
    const deadline = AbortSignal.timeout(Math.max(1, Math.ceil(timeoutMs)));
    try {
      const response = await request(url, {
        dispatcher,
        // A metrics endpoint elsewhere must not get the deployment's credentials.
        headers: {
          ...(url.origin === new URL(target.url).origin && target.headers),
          ...(body && { 'content-type': 'application/json' }),
        },
        ...(body && { method: 'POST', body: JSON.stringify(body) }),
        signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
      });
      return { kind: 'answer', status: response.statusCode, text: await readText(response.body, maxBytes) };
    } catch (error) {
      return {
        kind: 'failed',
        reason: deadline.aborted ? `no answer within ${(timeoutMs / 1_000).toFixed(1)} s` : describeFailure(error),
      };
    }
  }
  return {
    get: (path, options) => ask(path, null, options),
    post: ask,
    close: () => dispatcher.destroy(),
  };
}

/** A path below the target's own path (`https://host/prefix` + `/health`), or a whole URL as it is. */
export function urlOn(base: string, path: string): URL {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(path)) return new URL(path);
  const url = new URL(base);
  const [pathname, query] = path.split('?', 2) as [string, string?];
  url.pathname = `${url.pathname.replace(/\/$/, '')}${pathname.startsWith('/') ? '' : '/'}${pathname}`;
  url.search = query ?? '';
  url.hash = '';
  return url;
}

export function isLoopback(host: string): boolean {
  return (
    host === 'localhost' ||
    host.endsWith('.localhost') ||
    host === '::1' ||
    /^127\.\d+\.\d+\.\d+$/.test(host) ||
    host === '0.0.0.0' ||
    host === '::'
  );
}

/** The proxies that this environment asks for; null = none, or the target is on loopback, which is never proxied. */
export function proxiesFor(url: string, env: NodeJS.ProcessEnv): EnvHttpProxyAgent.Options | null {
  const httpProxy = env.http_proxy ?? env.HTTP_PROXY ?? '';
  const httpsProxy = env.https_proxy ?? env.HTTPS_PROXY ?? '';
  if ((httpProxy === '' && httpsProxy === '') || isLoopback(addressOf(url).host)) return null;
  return { httpProxy, httpsProxy, noProxy: env.no_proxy ?? env.NO_PROXY ?? '' };
}

/** TLS options that trust the target's own authority beside the system's. */
export const trustOf = (target: Target): { readonly ca?: string[] } =>
  target.ca === undefined ? {} : { ca: [...rootCertificates, target.ca] };

function createDispatcher(target: Target): Dispatcher {
  const connect = trustOf(target);
  const proxies = proxiesFor(target.url, process.env);
  if (proxies === null) return new Agent({ connect, connections: 4 });
  return new EnvHttpProxyAgent({ ...proxies, connect, requestTls: connect, connections: 4 });
}

async function readText(body: AsyncIterable<Buffer>, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= maxBytes) break;
  }
  return Buffer.concat(chunks).toString('utf8', 0, Math.min(size, maxBytes));
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  ENOTFOUND: 'host name not found',
  EAI_AGAIN: 'host name could not be looked up',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  ETIMEDOUT: 'connection timed out',
  UND_ERR_CONNECT_TIMEOUT: 'connection timed out',
  UND_ERR_SOCKET: 'connection closed without an answer',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'self-signed certificate that is not trusted; set deployment.ca',
  SELF_SIGNED_CERT_IN_CHAIN: 'certificate authority that is not trusted; set deployment.ca',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'certificate that is not trusted; set deployment.ca',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'certificate authority that is not trusted; set deployment.ca',
};

function describeFailure(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string };
  return REASONS[code ?? ''] ?? (message ? message : (code ?? String(error)));
}
