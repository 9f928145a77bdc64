import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { AnswerStamps, PacedAccount } from '../../src/doctor/books.ts';
import { startPacedServer } from '../../src/doctor/server.ts';
import { monotonicOffsetMs } from '../../src/load/clock.ts';

const ask = (url: string, stream: boolean, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${url}/v1/chat/completions`, { method: 'POST', headers, body: JSON.stringify({ stream }) });
const account = async (url: string): Promise<PacedAccount> => (await fetch(`${url}/account`)).json() as never;
const stamps = async (url: string): Promise<AnswerStamps[]> =>
  (await (await fetch(`${url}/stamps`)).text())
    .trimEnd()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
const events = (text: string) =>
  text
    .split('\n\n')
    .filter((event) => event.startsWith('data: {'))
    .map((event) => JSON.parse(event.slice('data: '.length)));

describe('the paced server', () => {
  test('streams as many events as asked for, with role, finish, usage, [DONE] and one id', async () => {
    await using server = await startPacedServer({ events: 7, intervalMs: 1, eventsPerWrite: 3 });
    for (const nth of [0, 1]) {
      const response = await ask(server.url, true);
      const id = `chatcmpl-${String(nth).padStart(12, '0')}`;
      assert.equal(response.headers.get('x-request-id'), id);
      const text = await response.text();
      assert.match(text, /data: \[DONE\]\n\n$/);
      const all = events(text);
      assert.deepEqual([...new Set(all.map((event) => event.id))], [id]);
      assert.equal(all[0].choices[0].delta.role, 'assistant');
      assert.equal(all.filter((event) => event.choices[0]?.delta.content).length, 7);
      assert.equal(all.at(-2).choices[0].finish_reason, 'stop');
      assert.equal(all.at(-1).usage.completion_tokens, 7);
    }
    const { requests, answered, events: written, writes } = await account(server.url);
    assert.deepEqual({ requests, answered, written, writes }, { requests: 2, answered: 2, written: 14, writes: 6 });
  });

  test('makes events of the size asked for', async () => {
    await using server = await startPacedServer({ events: 2, intervalMs: 0, eventBytes: 1_000 });
    assert.equal(server.eventBytes, 1_000);
    const bearing = (await (await ask(server.url, true)).text())
      .split('\n\n')
      .filter((event) => event.includes('"content":" w'));
    assert.deepEqual(
      bearing.map((event) => event.length + 2),
      [1_000, 1_000],
    );
  });

  test('keeps to its schedule: no event is early, and none makes the next one later', async () => {
    await using server = await startPacedServer({ events: 20, firstMs: 30, intervalMs: 10, stamps: true });
    await Promise.all(Array.from({ length: 10 }, async () => (await ask(server.url, true)).text()));
    for (const { writesMs } of await stamps(server.url)) {
      assert.equal(writesMs.length, 20);
      // Due times count from just after the arrival's stamp.
      for (const [i, atMs] of writesMs.entries()) assert.ok(atMs >= 30 + i * 10, `${i}: ${atMs}`);
      assert.ok(writesMs.at(-1)! < 30 + 190 + 150, String(writesMs.at(-1)));
    }
    const { writeDelayMs } = await account(server.url);
    assert.ok(writeDelayMs!.p50 <= writeDelayMs!.p99 && writeDelayMs!.p99 <= writeDelayMs!.max);
  });

  test('stamps with the clock of all processes, under the id that the client gave', async () => {
    await using server = await startPacedServer({ events: 3, intervalMs: 5, stamps: true });
    const toMonotonic = monotonicOffsetMs();
    const beforeMs = performance.now() + toMonotonic;
    await (await ask(server.url, true, { 'X-Request-Id': 'mine' })).text();
    const afterMs = performance.now() + toMonotonic;
    const [one] = await stamps(server.url);
    assert.equal(one!.id, 'mine');
    assert.ok(one!.arrivalMs > beforeMs - 0.1);
    assert.ok(one!.arrivalMs + one!.writesMs.at(-1)! < afterMs + 0.1);
  });

  test('answers in one piece where no stream was asked for, over one connection', async () => {
    await using server = await startPacedServer();
    const socket = connect(server.port, '127.0.0.1');
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
    });
    const body = '{"stream": false}';
    const request = `POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
    socket.write(request.slice(0, 20));
    await new Promise((resolve) => setTimeout(resolve, 20));
    socket.write(request.slice(20) + request);
    while ((text.match(/"finish_reason":"stop"/g) ?? []).length < 2) await once(socket, 'data');
    assert.match(text, /chatcmpl-000000000000.*chatcmpl-000000000001/s);
    socket.destroy();
  });

  test('with no interval pours as fast as the client takes, and holds nothing back', async () => {
    await using server = await startPacedServer({ events: 20_000, intervalMs: 0 });
    const all = events(await (await ask(server.url, true)).text());
    assert.equal(all.length, 20_003);
  });

  test('forgets on reset, and says what it forgot', async () => {
    await using server = await startPacedServer({ stamps: true });
    await (await ask(server.url, false)).text();
    const last = (await (await fetch(`${server.url}/reset`, { method: 'POST' })).json()) as PacedAccount;
    assert.deepEqual([last.requests, last.answered], [1, 1]);
    assert.equal((await account(server.url)).requests, 0);
    assert.deepEqual(await stamps(server.url), []);
  });

  test('counts nothing that was under way at a reset in the books after it', async () => {
    await using server = await startPacedServer({ events: 50, intervalMs: 4 });
    const response = await ask(server.url, true);
    await fetch(`${server.url}/reset`, { method: 'POST' });
    assert.equal(events(await response.text()).length, 53);
    const { requests, answered, events: counted, writes } = await account(server.url);
    assert.deepEqual([requests, answered, counted, writes], [0, 0, 0, 0]);
  });

  test('serves what clients look for first', async () => {
    await using server = await startPacedServer();
    assert.equal((await fetch(`${server.url}/health`)).status, 200);
    assert.match(await (await fetch(`${server.url}/v1/models`)).text(), /"id":"paced"/);
    assert.equal((await fetch(`${server.url}/nothing`)).status, 404);
  });

  test('is a program that says where it is, and ends with whoever started it', async () => {
    const path = fileURLToPath(new URL('../../src/doctor/server.ts', import.meta.url));
    const child = spawn(process.execPath, [path, '--events', '4', '--interval-ms=1'], {
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    const [ready] = (await once(child, 'message')) as [{ url: string }];
    assert.equal(events(await (await ask(ready.url, true)).text()).length, 7);
    child.disconnect();
    const [code] = await once(child, 'exit');
    assert.equal(code, 0);
  });
});
