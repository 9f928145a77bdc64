// docs/troubleshooting.md against src/errors.ts: every code has its section, with its exit code, and no other has one.

import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type ErrorCode, PlimsollError } from '../../src/errors.ts';
import { readPage, root, section } from './pages.ts';

const page = readPage('docs/troubleshooting.md');
const source = readFileSync(join(root, 'src', 'errors.ts'), 'utf8');
const codes = [...source.matchAll(/^ {2}([A-Z]+(?:_[A-Z]+)*): EXIT\.\w+,$/gm)].map((match) => match[1] as ErrorCode);
const told = [...(section(page, 'Error codes') ?? '').matchAll(/^### (\S+)$/gm)].map((match) => match[1]!);

test('every error code has its section, and every section its error code', () => {
  assert.ok(codes.length > 20, `only ${codes.length} codes were found in src/errors.ts`);
  assert.deepEqual([...told].sort(), [...codes].sort());
});

test('each section begins with the exit code', () => {
  for (const code of codes) {
    const { exitCode } = new PlimsollError(code, '');
    assert.match(section(page, code)?.trim() ?? '', new RegExp(`^Exit ${exitCode}\\.`), code);
  }
});

test('no code of the table is one that nothing raises', () => {
  const files = globSync('src/**/*.ts', { cwd: root }).filter((path) => path !== join('src', 'errors.ts'));
  const rest = files.map((path) => readFileSync(join(root, path), 'utf8')).join('\n');
  assert.deepEqual(
    codes.filter((code) => !rest.includes(`'${code}'`)),
    [],
  );
});
