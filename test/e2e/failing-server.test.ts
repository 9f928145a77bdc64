// Servers that answer badly, die or hang under load: the gate fails, and says so.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { makeProject } from './project.ts';

const ONE_STAGE = '\n  benchmark: { rate: 20/s, rounds: 2, duration: 8s, rampIn: 1s, drain: 3s }';

for (const [what, script] of [
  ['500', '(q, s) => { s.writeHead(500); s.end("boom") }'],
  ['429', '(q, s) => { s.writeHead(429, { "retry-after": "1" }); s.end() }'],
  ['HTML', '(q, s) => { s.writeHead(200, { "content-type": "text/html" }); s.end("<html>login</html>") }'],
  [
    'a JSON body that is no stream',
    '(q, s) => { s.writeHead(200, { "content-type": "application/json" }); s.end("{\\"ok\\":true}") }',
  ],
] as const) {
  test(`a server that answers every request with ${what} fails the gate with exit 1`, async () => {
    await using project = await makeProject();
    project.config({
      command: scripted(project.port, script),
      stages: '\n  benchmark: { rate: 30/s, rounds: 2, duration: 5s, rampIn: 1s, drain: 3s }',
      engine: 'openai',
    });
    const end = await project.plimsoll('run');
    assert.equal(end.code, 1, end.stderr + end.stdout);
    assert.doesNotMatch(end.stdout, /\bpass(ed)?\b/i);
  });
}

test('a deployment that dies mid-stage fails the gate with exit 1, and its last words are in the report', async () => {
  await using project = await makeProject();
  project.config({ sim: ['--crash-at-ms', '4000'], stages: ONE_STAGE });
  const end = await project.plimsoll('run');
  assert.equal(end.code, 1, end.stderr + end.stdout);
  const verdict = JSON.parse(readFileSync(project.path('plimsoll-out', 'verdict.json'), 'utf8'));
  assert.equal(verdict.outcome, 'fail');
  assert.ok(verdict.findings.some((finding: { kind: string }) => finding.kind === 'deployment_failed'));
});

test('a deployment that hangs mid-stage fails the gate and the run still ends', async () => {
  await using project = await makeProject();
  project.config({
    command: scripted(
      project.port,
      '((n) => (q, s) => { if (n++ < 60) { s.writeHead(200, { "content-type": "text/event-stream" }); s.end(answer) } })(0)',
    ),
    stages: '\n  benchmark: { rate: 30/s, rounds: 2, duration: 6s, rampIn: 1s, drain: 3s }',
    engine: 'openai',
  });
  const end = await project.plimsoll('run');
  assert.equal(end.code, 1, end.stderr + end.stdout);
});

/** A scripted server: `handler` is source; `answer` is a complete streamed answer of four tokens. */
function scripted(port: number, handler: string): string[] {
  const source = `
    const delta = (d, f) => 'data: ' + JSON.stringify({ choices: [{ index: 0, delta: d, finish_reason: f ?? null }] }) + '\\n\\n';
    const answer = delta({ role: 'assistant', content: '' }) + ['a', 'b', 'c', 'd'].map((t) => delta({ content: t })).join('') + delta({}, 'stop') + 'data: [DONE]\\n\\n';
    const handler = ${handler};
    require('http').createServer((q, s) => {
      if (q.method === 'GET') { s.end('ok'); return; }
      q.resume(); q.on('end', () => handler(q, s));
    }).listen(${port}, '127.0.0.1');`;
  return [process.execPath, '-e', source];
}
