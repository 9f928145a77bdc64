// Fetching the base of a private repository over HTTP, through git's own server, with and without kept credentials.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { PlimsollError } from '../../src/errors.ts';
import { fetchBase } from '../../src/github/checkout.ts';
import { createRepository, type Repository, shallowClone } from './repository.ts';

const basic = (token: string): string => `basic ${Buffer.from(`x-access-token:${token}`).toString('base64')}`;

/** Serves `origin` to whoever sends exactly one right Authorization header, as GitHub does. */
async function serve(t: TestContext, origin: Repository, token: string): Promise<{ url: string; seen: string[] }> {
  const seen: string[] = [];
  const server: Server = createServer((request, response) => {
    const given = request.headersDistinct.authorization ?? [];
    seen.push(...given);
    if (given.length > 1) return void response.writeHead(400).end('Duplicate header');
    if (given[0]?.toLowerCase() !== basic(token).toLowerCase())
      return void response.writeHead(401, { 'www-authenticate': 'Basic realm="GitHub"' }).end();
    const url = new URL(request.url!, 'http://x');
    const backend = spawn('git', ['http-backend'], {
      env: {
        PATH: process.env.PATH,
        GIT_PROJECT_ROOT: origin.path,
        GIT_HTTP_EXPORT_ALL: '1',
        PATH_INFO: url.pathname.replace(/^\/octo\/serving/, '/.git'),
        QUERY_STRING: url.search.slice(1),
        REQUEST_METHOD: request.method,
        CONTENT_TYPE: request.headers['content-type'] ?? '',
        HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
        GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
        GIT_CONFIG_COUNT: '1',
        GIT_CONFIG_KEY_0: 'safe.directory',
        GIT_CONFIG_VALUE_0: '*',
      },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    request.pipe(backend.stdin);
    const chunks: Buffer[] = [];
    backend.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    backend.on('close', () => {
      const body = Buffer.concat(chunks);
      const end = body.indexOf('\r\n\r\n');
      const headers = body.subarray(0, end).toString().split('\r\n');
      for (const header of headers) response.appendHeader(...(header.split(': ', 2) as [string, string]));
      response.end(body.subarray(end + 4));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

/** A clone of `change` whose origin is `url`, as actions/checkout leaves it. */
function cloneOf(t: TestContext, origin: Repository, url: string): Repository {
  const clone = shallowClone(t, origin, 'change');
  clone.git('remote', 'set-url', 'origin', `${url}/octo/serving`);
  return clone;
}

function privateOrigin(t: TestContext): { origin: Repository; base: string } {
  const origin = createRepository(t);
  const base = origin.commit({ x: 'base' });
  origin.git('checkout', '-q', '-b', 'change');
  origin.commit({ x: 'head' });
  return { origin, base };
}

const signal = new AbortController().signal;

test('without kept credentials the base is fetched with the action’s token, and nothing of it stays', async (t) => {
  const { origin, base } = privateOrigin(t);
  const { url, seen } = await serve(t, origin, 't0ken');
  const clone = cloneOf(t, origin, url);
  const before = { ...process.env };
  assert.equal(await fetchBase(clone.path, 'main', { known: null, token: 't0ken', serverUrl: url, signal }), base);
  assert.deepEqual(new Set(seen.map((header) => header.toLowerCase())), new Set([basic('t0ken').toLowerCase()]));
  assert.deepEqual({ ...process.env }, before);
  assert.doesNotMatch(clone.git('config', '--list'), /extraheader|t0ken/i);
});

test('kept credentials come first, and where they are worn out the token replaces them', async (t) => {
  const { origin, base } = privateOrigin(t);
  const { url, seen } = await serve(t, origin, 't0ken');
  const clone = cloneOf(t, origin, url);
  clone.git('config', `http.${url}/.extraheader`, `AUTHORIZATION: ${basic('t0ken')}`);
  const fetch = (token: string) => fetchBase(clone.path, 'main', { known: null, token, serverUrl: url, signal });
  assert.equal(await fetch('comments-only'), base);
  assert.ok(!seen.includes(basic('comments-only')));
  clone.git('config', `http.${url}/.extraheader`, `AUTHORIZATION: ${basic('expired')}`);
  assert.equal(await fetch('t0ken'), base);
});

test('a token goes to the server that it is of and to no other; a wrong one ends in git’s own words', async (t) => {
  const { origin, base } = privateOrigin(t);
  const { url, seen } = await serve(t, origin, 't0ken');
  const clone = cloneOf(t, origin, url);
  const unreachable = (error: unknown) => error instanceof PlimsollError && error.code === 'GIT_UNREACHABLE';
  const options = { known: null, token: 't0ken', serverUrl: 'https://github.com', signal };
  await assert.rejects(fetchBase(clone.path, 'main', options), unreachable);
  assert.deepEqual(seen, []);
  await assert.rejects(fetchBase(clone.path, 'main', { ...options, token: 'wrong', serverUrl: url }), unreachable);
  await assert.rejects(fetchBase(clone.path, 'main', { ...options, token: '', serverUrl: url }), unreachable);
  clone.git('fetch', '-q', `file://${origin.path}`, base);
  assert.equal(await fetchBase(clone.path, 'main', { ...options, known: base }), base, 'what the event names will do');
});
