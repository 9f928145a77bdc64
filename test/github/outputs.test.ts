// What a step leaves behind besides its exit status: it never throws, never speaks for others, never tells a secret.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { PlimsollError } from '../../src/errors.ts';
import { failureLog } from '../../src/github/failure-log.ts';
import {
  inertLine,
  NO_OUTPUTS,
  saveState,
  withoutSecrets,
  worstExit,
  writeOutputs,
  writeSummary,
} from '../../src/github/outputs.ts';
import { refuseWhatMustNotRun } from '../../src/github/refusals.ts';
import { temporaryFolder } from './repository.ts';

/** Runs with these variables and gives what was printed meanwhile. */
async function printed(t: TestContext, env: Record<string, string>, action: () => unknown): Promise<string> {
  const before = Object.keys(env).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, env);
  const write = t.mock.method(process.stdout, 'write', () => true);
  try {
    await action();
    return write.mock.calls.map((call) => String(call.arguments[0])).join('');
  } finally {
    write.mock.restore();
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}

const OUTPUTS = { ...NO_OUTPUTS, verdict: 'fail', 'load-line': 0, record: 'r', report: 'p' } as const;

test('outputs are written, zero as zero; where they cannot be, it is a warning', async (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, 'output');
  writeFileSync(file, '');
  assert.equal(await printed(t, { GITHUB_OUTPUT: file }, () => writeOutputs([OUTPUTS])), '');
  assert.match(readFileSync(file, 'utf8'), /^load-line<<(\S+)\n0\n\1\nload-line-change<<(\S+)\n\n\2$/m);
  for (const path of [join(folder, 'missing'), folder]) {
    assert.match(await printed(t, { GITHUB_OUTPUT: path }, () => writeOutputs([OUTPUTS])), /^::warning.*the outputs/);
    assert.match(await printed(t, { GITHUB_STATE: path }, () => saveState('owner', '/x')), /^::warning.*the post step/);
    await printed(t, { GITHUB_STEP_SUMMARY: path }, () =>
      assert.match(writeSummary('# x').join(), /Could not write the job summary/),
    );
  }
});

test('of several deployments the worst verdict is the step’s, everything else has a line for each', async (t) => {
  const file = join(temporaryFolder(t), 'output');
  writeFileSync(file, '');
  await printed(t, { GITHUB_OUTPUT: file }, () =>
    writeOutputs([
      { ...NO_OUTPUTS, verdict: 'pass', report: 'out/a' },
      { ...NO_OUTPUTS, verdict: 'invalid' },
      { ...OUTPUTS, verdict: 'warn', report: 'out/c' },
    ]),
  );
  assert.match(readFileSync(file, 'utf8'), /^verdict<<(\S+)\ninvalid\n\1\nload-line<<(\S+)\n\n\n0\n\2$/m);
  assert.match(readFileSync(file, 'utf8'), /^report<<(\S+)\nout\/a\n\nout\/c\n\1$/m);
});

test('the exit code of a step is that of its worst deployment, and 0 only where all are 0', () => {
  assert.equal(worstExit([0, 2, 3, 4, 1]), 1);
  assert.equal(worstExit([0, 3, 2, 4]), 4);
  assert.equal(worstExit([2, 3, 0]), 3);
  assert.equal(worstExit([1, 130]), 130);
  fc.assert(
    fc.property(fc.array(fc.constantFrom(0, 0, 0, 1, 2, 3, 4, 7, 130, 143), { minLength: 1 }), (codes) => {
      const worst = worstExit(codes);
      assert.ok((codes as number[]).includes(worst));
      assert.equal(
        worst === 0,
        codes.every((code) => code === 0),
      );
    }),
  );
});

test('the summaries of one step together stay below what GitHub drops whole', async (t) => {
  const file = join(temporaryFolder(t), 'summary');
  writeFileSync(file, '');
  const env = { GITHUB_STEP_SUMMARY: file };
  for (const report of ['a', 'b', 'c', 'd'])
    await printed(t, env, () => assert.deepEqual(writeSummary(`# ${report}\n${'é\n'.repeat(130_000)}`), []));
  const written = readFileSync(file);
  assert.ok(written.length < 1_048_576, String(written.length));
  assert.match(written.toString('utf8'), /^# c$/m);
  assert.match(written.toString('utf8'), /did not fit/);
});

test('a line that quotes others holds no command to the runner, wherever it is put', () => {
  assert.equal(inertLine('::set-output name=verdict::pass'), ': :set-output name=verdict::pass');
  assert.equal(inertLine('ok\r::error::x\n##[error]y'), 'ok ::error::x # #[error]y');
  assert.equal(inertLine('Boot 1: ready after 3 s'), 'Boot 1: ready after 3 s');
  const hostile = fc
    .array(fc.constantFrom('::', ':', '#', '##[', '[', '\n', '\r', ' ', 'error', ']', 'x'))
    .map((all) => all.join(''));
  fc.assert(
    fc.property(hostile, (text) => {
      const line = inertLine(text);
      assert.doesNotMatch(line, /[\r\n]|^\s*::|##\[/);
    }),
  );
});

test('what is published holds no secret, neither as it is nor as Markdown writes it; a port may stand', () => {
  const body = 'key hf_a*b_c12 and hf\\_a\\*b\\_c12, `sk-0123456789` on port 8000';
  assert.equal(withoutSecrets(body, ['hf_a*b_c12', 'sk-0123456789', '8000']), 'key *** and ***, `***` on port 8000');
});

test('the log of a failure is the build’s or the newest boot’s, masked, and none where nothing was started', (t) => {
  const out = temporaryFolder(t);
  const read = (code: ConstructorParameters<typeof PlimsollError>[0]) =>
    failureLog(new PlimsollError(code, 'x'), out, ['s3cret']);
  assert.equal(failureLog(new PlimsollError('BOOT_EXITED', 'x'), join(out, 'missing'), []), undefined);
  assert.equal(read('LOCK_TIMEOUT'), undefined);
  writeFileSync(join(out, 'deployment-build.log'), 'compiling\nno compiler, token s3cret\n');
  assert.equal(read('BUILD_FAILED'), 'compiling\nno compiler, token ***');
  for (const boot of [2, 9, 10]) writeFileSync(join(out, `deployment-${boot}.log`), `boot ${boot}\n`);
  mkdirSync(join(out, 'deployment-99.log.d'));
  assert.equal(read('BOOT_TIMEOUT'), 'boot 10');
  assert.equal(read('CONFIG_INVALID'), undefined);
});

test('what must not run is refused in words: the base’s code for a pull request, a fork’s, a baseline of a change', () => {
  const inputs = { allowForks: false, mode: 'gate', baseRef: '', gate: 'job', artifact: false } as const;
  const event = { kind: 'pull_request', isFork: false, baseRef: 'main' } as const;
  refuseWhatMustNotRun(inputs, event);
  refuseWhatMustNotRun({ ...inputs, allowForks: true }, { ...event, isFork: true });
  const refused = (code: string, words: RegExp, more: { inputs?: object; event?: object }) =>
    assert.throws(
      () => refuseWhatMustNotRun({ ...inputs, ...more.inputs }, { ...event, ...more.event }),
      (error) => error instanceof PlimsollError && error.code === code && words.test(error.message),
    );
  refused('USAGE', /pull_request_target.*base's code/, {
    inputs: { allowForks: true },
    event: { kind: 'pull_request_target' },
  });
  refused('USAGE', /issue_comment/, { event: { kind: 'issue_comment', baseRef: null } });
  refused('USAGE', /`mode: comment` runs for workflow_run/, { inputs: { mode: 'comment' } });
  refused('USAGE', /`mode: command` runs for issue_comment/, { inputs: { mode: 'command' } });
  refused('USAGE', /workflow_run events only with `mode: comment`/, {
    inputs: { allowForks: true },
    event: { kind: 'workflow_run', baseRef: null },
  });
  refuseWhatMustNotRun({ ...inputs, mode: 'comment' }, { ...event, kind: 'workflow_run', isFork: true });
  for (const [mode, kind] of [
    ['comment', 'workflow_run'],
    ['command', 'issue_comment'],
  ])
    refused('USAGE', /`mode: \w+` does not go with `artifact: true`/, {
      inputs: { mode, artifact: true },
      event: { kind, baseRef: null },
    });
  refuseWhatMustNotRun({ ...inputs, artifact: true }, event);
  refused('FORK_REFUSED', /fork/, { event: { isFork: true } });
  refused('USAGE', /mode: baseline/, { inputs: { mode: 'baseline' } });
  refused('USAGE', /gate: check/, {
    inputs: { mode: 'baseline', gate: 'check' },
    event: { kind: 'push', baseRef: null },
  });
  refused('USAGE', /mode: baseline/, {
    inputs: { mode: 'baseline', baseRef: 'x' },
    event: { kind: 'push', baseRef: null },
  });
});
