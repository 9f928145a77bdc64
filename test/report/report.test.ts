import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { formatMarker, sameComment } from '../../src/github/marker.ts';
import type { Verdict } from '../../src/judge/verdict.ts';
import { renderCharts } from '../../src/report/charts.ts';
import { COMMENT_BYTES, renderComment } from '../../src/report/comment.ts';
import { clientTable } from '../../src/report/facts.ts';
import { renderFailure } from '../../src/report/failure.ts';
import { byteLength, fit } from '../../src/report/fit.ts';
import { renderHtml } from '../../src/report/html.ts';
import type { ReportInput } from '../../src/report/input.ts';
import { renderSummary, SUMMARY_BYTES } from '../../src/report/summary.ts';
import { displayWidth } from '../../src/report/table.ts';
import { renderTerminal } from '../../src/report/terminal.ts';
import { bootOf, comparisonOf, HOSTILE, inputOf, recordOf, STORIES, verdictOf } from './fixtures.ts';

const GOLDEN = fileURLToPath(new URL('../golden/', import.meta.url));
const plain = (input: ReportInput, width = 100): string => renderTerminal(input, { color: false, width });

function compareGolden(name: string, actual: string): void {
  const path = `${GOLDEN}${name}`;
  if (process.env.UPDATE_GOLDEN === '1') {
    mkdirSync(GOLDEN, { recursive: true });
    writeFileSync(path, actual);
    return;
  }
  assert.ok(existsSync(path), `${path} is missing; UPDATE_GOLDEN=1 writes it`);
  assert.equal(actual, readFileSync(path, 'utf8'), `${name} changed; look at it, then UPDATE_GOLDEN=1`);
}

for (const [name, story] of Object.entries(STORIES)) {
  test(`the comment of "${name}" reads as its golden file`, () =>
    compareGolden(`comment-${name}.md`, renderComment(story())));
}
test('two deployments of one step have a comment each, and neither takes the other’s', () => {
  const { record, ...rest } = inputOf();
  const legs = ['h100', 'l40s'].map((name) => ({
    marker: { config: 'plimsoll.yml', name, run: 19422001, attempt: 1 },
    body: renderComment({ ...(name === 'h100' ? STORIES.regression!() : rest), record: { ...record, name } }),
  }));
  assert.equal(sameComment(legs[0]!.marker, legs[1]!.marker), false);
  compareGolden(
    'comment-two-deployments.md',
    legs.map(({ marker, body }) => `${formatMarker(marker)}\n${body}`).join('\n'),
  );
});
test('the terminal of a regression reads as its golden file', () =>
  compareGolden('terminal-regression-110.txt', plain(STORIES.regression!(), 110)));
test('the terminal of a run without baseline reads as its golden file', () =>
  compareGolden('terminal-no-baseline-80.txt', plain(STORIES['no-baseline']!(), 80)));
test('the comment of a failed boot reads as its golden file', () =>
  compareGolden(
    'failure-boot.md',
    renderFailure({
      code: 'BOOT_EXITED',
      message: 'vllm serve ended with exit code 1 after 41 s, before /health answered.',
      hint: 'Read the end of its log.',
      deployment: 'deepseek-r1-distill-qwen-7b',
      configPath: 'serving/plimsoll.yml',
      logTail:
        'INFO 11-20 10:10:12 Loading weights\ntorch.OutOfMemoryError: CUDA out of memory.\n  Tried to allocate 2.00 GiB.',
    }),
  ));

test('a message of many lines stays readable, and a log is shown once', () => {
  const failure = { hint: undefined, deployment: 'd', configPath: 'plimsoll.yml' } as const;
  const problems = renderFailure({ ...failure, code: 'CONFIG_INVALID', message: 'a.yml:1:1 one\na.yml:2:1 *two*' });
  assert.match(problems, /\na\.yml:1:1 one\n\n```text\na\.yml:2:1 \*two\*\n```\n/);
  const message = 'It ended.\nIt was killed.\nLast lines of its log (out/deployment-1.log):\n  | first\n  | last';
  const quoted = renderFailure({ ...failure, code: 'BOOT_EXITED', message });
  assert.match(
    quoted,
    /\nIt ended\.\n\n```text\nIt was killed\.\nLast lines of its log.*\n {2}\| first\n {2}\| last\n```/,
  );
  const shown = renderFailure({ ...failure, code: 'BOOT_EXITED', message, logTail: 'before\nfirst\nlast' });
  assert.match(shown, /```text\nIt was killed\.\n```/);
  assert.equal(shown.split('last').length, 3, 'in the title of the fold and in the log');
  const endless = renderFailure({
    ...failure,
    code: 'CONFIG_INVALID',
    message: 'x '.repeat(80).concat('\n').repeat(500),
  });
  assert.match(endless, /lines more|…/);
  assert.ok(byteLength(endless) < 10_000);
});

// ---- never green --------------------------------------------------------------------------------------

const GREEN = /✅|✓|🟢|\p{Cc}\[32m|\bno regressions?\b|\bPass(?:ed)?\b/u;

function everyText(input: ReportInput): string {
  return [
    renderComment(input),
    renderSummary(input),
    renderTerminal(input, { color: true, width: 100 }),
    renderHtml(input).replace(/<style>.*?<\/style>/s, ''),
  ].join('\n');
}

test('a clean pass is green in every medium', () => {
  const input = STORIES['clean-pass']!();
  assert.match(renderComment(input), /^### ✅ Pass/);
  assert.match(renderHtml(input), /<header class="green">/);
  assert.match(renderTerminal(input, { color: true, width: 100 }), /\p{Cc}\[32m✓ Pass \(exit 0\)/u);
});

test('no other story is green anywhere', () => {
  for (const name of Object.keys(STORIES).filter(
    (one) => !['clean-pass', 'improved', 'policy-changed', 'many-metrics'].includes(one),
  )) {
    assert.doesNotMatch(everyText(STORIES[name]!()), GREEN, name);
    assert.doesNotMatch(renderHtml(STORIES[name]!()), /<header class="green">/, name);
  }
});

test('an outcome of pass is not green while anything is invalid, missing, uncompared, unfinished or breached', () => {
  const pass = verdictOf({ headline: 'Pass: no regression.' });
  const spoilers: readonly Partial<ReportInput>[] = [
    ...(['invalid', 'missing', 'incomparable', 'unbaselined', 'measured'] as const).map((standing) => ({
      verdict: { ...pass, stages: [pass.stages[0]!, { ...pass.stages[1]!, standing }] },
    })),
    { verdict: { ...pass, stages: [] } },
    { verdict: { ...pass, sla: [{ ...pass.sla[0]!, status: 'not_measured' }] } },
    { verdict: { ...pass, comparisons: [{ ...pass.comparisons[0]!, verdict: 'suspected' }] } },
    { verdict: { ...pass, findings: [{ kind: 'breach', severity: 'fail', message: 'x', advice: null }] } },
    { verdict: pass, record: recordOf([bootOf(1, { slow: 1 })], { status: 'incomplete', statusReason: 'cancelled' }) },
  ];
  for (const spoiler of spoilers)
    assert.doesNotMatch(everyText(inputOf(spoiler)), GREEN, JSON.stringify(spoiler.verdict?.stages));
});

test('a failure comment is never green, whatever the log says', () => {
  for (const text of HOSTILE) {
    const body = renderFailure({
      code: 'BOOT_TIMEOUT',
      message: text,
      hint: text,
      deployment: text,
      configPath: text,
      logTail: `${text}\n`.repeat(500),
    });
    assert.doesNotMatch(body.split('<details>')[0]!.replace(/\*\*□.*/, ''), /✅|🟢/u);
    assertSound(body);
    assert.ok(byteLength(body) < COMMENT_BYTES);
  }
});

// ---- structure ----------------------------------------------------------------------------------------

/** Folds and fences are paired, and nothing in the body looks like the marker or a comment. */
function assertSound(markdown: string): void {
  assert.doesNotMatch(markdown, /<!--/);
  const outside = markdown.replace(/^```[a-z]*\n[\s\S]*?^```$/gm, '');
  assert.doesNotMatch(outside, /^\s*(?:```|~~~)/m);
  const tags = outside.match(/<\/?[a-z]+[^>]*>/gi) ?? [];
  assert.deepEqual(
    [...new Set(tags)].filter(
      (tag) => !['<details>', '</details>', '<summary>', '</summary>', '<sub>', '</sub>', '<br>'].includes(tag),
    ),
    [],
  );
  for (const tag of ['details', 'summary', 'sub']) {
    assert.equal(
      tags.filter((one) => one === `<${tag}>`).length,
      tags.filter((one) => one === `</${tag}>`).length,
      tag,
    );
  }
  assertWholeTables(outside);
}

function assertWholeTables(markdown: string): void {
  for (const block of markdown.split('\n\n').filter((one) => one.startsWith('|'))) {
    const columns = block.split('\n').map((line) => line.replace(/\\[\\|]/g, '').split('|').length);
    assert.equal(new Set(columns).size, 1, block.slice(0, 300));
  }
}

test('every story is sound Markdown, in comment and summary', () => {
  for (const story of Object.values(STORIES)) {
    assertSound(renderComment(story()));
    assertSound(renderSummary(story()));
  }
});

test('charts in the comment hold plain finite numbers, and one value for each category', () => {
  for (const [name, story] of Object.entries(STORIES)) {
    for (const [chart] of renderComment(story()).matchAll(/^```mermaid\n[\s\S]*?^```$/gm)) {
      assert.doesNotMatch(chart, /NaN|Infinity|null|undefined|e\+|theme:/, name);
      const counts = [...chart.matchAll(/^ {2}(?:bar|line) \[(.*)\]$/gm)].map(
        ([, values]) => values!.split(', ').length,
      );
      const categories = /x-axis .*\[(.*)\]$/m.exec(chart)?.[1]?.split(', ').length ?? counts[0];
      assert.ok(
        counts.length > 0 && counts.every((count) => count === categories && count >= 2),
        `${name}: ${counts} of ${categories}`,
      );
    }
  }
});

test('a baseline that stopped earlier is drawn over the rates that both have, and the rest is named', () => {
  const comment = renderComment(STORIES.died!());
  assert.match(comment, /x-axis "Offered \(req\/s\)" \["2", "6", "10", "14", "18", "22"\]/);
  assert.match(comment, /Not drawn, for want of a value on both sides: 26, 30, 34, 38 req\/s/);
});

test('a refused comparison is not drawn as one', () => {
  const input = STORIES['invalid-client']!();
  assert.equal(/TTFT p95 over offered load"[\s\S]*?```/.exec(renderComment(input))![0].includes('  bar ['), false);
  const incomparable = { ...STORIES.incomparable!(), baseline: inputOf().baseline };
  assert.doesNotMatch(renderComment(incomparable), /^ {2}bar \[/m);
});

test('the client’s table has connections, open files and retries where the record does, worst phase first', () => {
  const input = inputOf();
  const titles = (table: ReturnType<typeof clientTable>): string => table.columns.map(({ title }) => title).join();
  assert.doesNotMatch(titles(clientTable(input)), /Connections|Open files/);
  const told = structuredClone(input);
  const [first, second] = told.record.boots[0]!.stages[0]!.phases;
  first!.client = {
    ...first!.client,
    retries: 2,
    sockets: { peak: 12, limit: 28_232 },
    openFiles: { peak: 60, limit: null },
  };
  second!.client = { ...second!.client, retries: 1, sockets: { peak: 1_480, limit: 28_232 } };
  const table = clientTable(told);
  assert.match(titles(table), /Event loop p99,Connections,Open files,Spoilt by/);
  const [row, other] = table.rows;
  assert.equal(row![2]!.sub, '3 sent again');
  assert.deepEqual([row![7], row![8]], [{ text: '1,480', sub: 'of 28,232' }, { text: '60' }]);
  assert.deepEqual([other![2]!.sub, other![7]!.text], [undefined, '–']);
});

test('a reader knows the verdict from the first lines', () => {
  const first = renderComment(STORIES.regression!()).split('\n\n').slice(0, 5).join('\n');
  for (const part of [
    /❌ Fail/,
    /regressed/,
    /Load line 29\.1 req\/s \(28\.2…30 req\/s\)/,
    /baseline 33\.1 req\/s/,
    /Action needed/,
  ])
    assert.match(first, part);
});

test('no table of the comment has more than four columns outside its folds', () => {
  for (const story of Object.values(STORIES)) {
    const open = renderComment(story()).replace(/<details>[\s\S]*?<\/details>/g, '');
    for (const [, line] of open.matchAll(/^(\|(?: -+:? \|)+)$/gm)) assert.ok(line!.split('|').length - 2 <= 4, line);
  }
});

// ---- size ---------------------------------------------------------------------------------------------

function crowded(rows: number, filler: string): ReportInput {
  const many = <T>(make: (index: number) => T): T[] => Array.from({ length: rows }, (_, index) => make(index));
  const boot = bootOf(1, { slow: 1.1 });
  const verdict: Verdict = verdictOf({
    outcome: 'fail',
    exitCode: 1,
    headline: filler,
    actionNeeded: true,
    comparisons: many((index) =>
      comparisonOf('benchmark', `${filler}${index}`, {
        gate: index % 2 === 0,
        because: filler,
        smallestDetectable: null,
      }),
    ),
    findings: many((index) => ({
      kind: 'breach',
      severity: index % 2 === 0 ? 'fail' : 'info',
      message: `${index} ${filler}`,
      advice: filler,
    })),
    sla: many(() => ({ ...verdictOf().sla[0]!, metric: filler, note: filler })),
  });
  const facts = Object.fromEntries(many((index) => [`${filler}${index}`, filler]));
  return inputOf({
    verdict,
    record: recordOf([boot], {
      environment: facts,
      subject: facts,
      discarded: many((index) => ({ index, reason: filler })),
    }),
  });
}

test('comment and summary stay within their limits and stay whole, whatever they are given', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(1, 30, 300, 1_500),
      fc.constantFrom('x', '@@@@', '😀'.repeat(300), '|'.repeat(500), HOSTILE.join(' ')),
      (rows, filler) => {
        const input = crowded(rows, filler);
        const comment = renderComment(input);
        assert.ok(byteLength(comment) <= COMMENT_BYTES, `${byteLength(comment)} bytes`);
        assert.match(comment, /^### ❌ Fail/);
        assertSound(comment);
        const summary = renderSummary(input);
        assert.ok(byteLength(summary) <= SUMMARY_BYTES);
        assertSound(summary);
      },
    ),
    { numRuns: 8 },
  );
});

test('what a comment leaves out is named', () => {
  assert.match(renderComment(crowded(1_500, 'x'.repeat(100))), /Shortened to fit a comment: .*environment/);
  assert.doesNotMatch(renderComment(STORIES['many-metrics']!()), /<table|NaN/);
});

test('sections give way in their stated order, and only as far as needed', () => {
  const sections = [
    { name: 'a', renderings: ['a'.repeat(50)], yields: 0 },
    { name: 'b', renderings: ['b'.repeat(50), 'b'.repeat(20), ''], yields: 1 },
    { name: 'c', renderings: ['c'.repeat(50), ''], yields: 2 },
  ];
  const note = (names: readonly string[]): string => `without ${names.join()}`;
  assert.equal(fit(sections, 1_000, note), `${'a'.repeat(50)}\n\n${'b'.repeat(50)}\n\n${'c'.repeat(50)}\n`);
  assert.equal(fit(sections, 125, note), `${'a'.repeat(50)}\n\n${'b'.repeat(50)}\n\nwithout c\n`);
  assert.equal(fit(sections, 100, note), `${'a'.repeat(50)}\n\n${'b'.repeat(20)}\n\nwithout b,c\n`);
  assert.equal(fit(sections, 1, note), `${'a'.repeat(50)}\n\nwithout b,c\n`);
});

// ---- charts, page, terminal ---------------------------------------------------------------------------

/** Tags are paired, attributes quoted, entities known: what an XML parser would refuse is refused here. */
function assertXml(svg: string): void {
  const open: string[] = [];
  const rest = svg
    .replace(/<!\[CDATA\[[\s\S]*?\]\]>/g, '')
    .replace(/<(\/?)([a-zA-Z][\w:]*)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>/g, (_, closing, name, _attributes, empty) => {
      if (closing) assert.equal(open.pop(), name);
      else if (!empty) open.push(name);
      return '';
    });
  assert.deepEqual(open, []);
  assert.doesNotMatch(rest.replace(/&(?:amp|lt|gt|quot|apos|#\d+);/g, ''), /[<>&]/);
}

test('every chart comes light and dark, is well-formed, and shows no number that is none', () => {
  for (const [name, story] of Object.entries(STORIES)) {
    const charts = renderCharts(story());
    assert.ok(
      charts.some((chart) => chart.name === 'latency-dark.svg'),
      name,
    );
    assert.equal(charts.length % 2, 0);
    for (const chart of charts) {
      assertXml(chart.svg);
      assert.doesNotMatch(
        chart.svg,
        /NaN|Infinity|undefined|<script|https?:\/\/(?!www\.w3\.org)/,
        `${name} ${chart.name}`,
      );
    }
  }
});

test('the same input gives the same bytes', () => {
  const once = renderCharts(STORIES.regression!());
  renderCharts(STORIES.died!());
  assert.deepEqual(renderCharts(STORIES.regression!()), once);
  assert.equal(renderHtml(STORIES.regression!()), renderHtml(STORIES.regression!()));
});

test('nothing is drawn of a run that measured nothing', () => {
  const input = inputOf({ record: recordOf([{ ...bootOf(1, { slow: 1 }), stages: [], end: 'not_ready' }]) });
  assert.deepEqual(renderCharts(input), []);
  assertSound(renderComment(input));
  assert.match(plain(input), /exit/);
});

test('a damaged histogram or curve in the baseline costs the chart, not the report', () => {
  const input = inputOf();
  const baseline = structuredClone(input.baseline!);
  for (const histories of Object.values(baseline.stages))
    for (const { segments } of histories ?? [])
      Object.assign(segments[0]!, { histograms: { ttft: 'AAAA' }, curve: [{ offeredRate: 'x' }], surge: 7 });
  const comment = renderComment({ ...input, baseline });
  assert.doesNotMatch(comment, /^ {2}bar \[/m);
  assert.match(comment, /^ {2}line \[/m);
});

test('the page asks nothing of the network, runs nothing, and names no other page', () => {
  for (const [name, story] of Object.entries(STORIES)) {
    const html = renderHtml(story());
    assert.match(html, /Content-Security-Policy" content="default-src 'none'/);
    const tags = html
      .match(/<[a-z!/][^>]*>/gi)!
      .join('\n')
      .replace(/xmlns(?::\w+)?="[^"]*"/g, '');
    assert.doesNotMatch(tags, /<script|<img|<link|<a |\ssrc=|\shref=|\son\w+=|url\((?!#)/i, name);
    assert.doesNotMatch(/<style>[\s\S]*?<\/style>/.exec(html)![0], /@import|url\(/);
    const ids = [...html.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id);
    assert.equal(new Set(ids).size, ids.length, `${name}: ids repeat`);
  }
});

test('terminal lines keep to the width, but the last, which a log is searched for', () => {
  for (const [name, story] of Object.entries(STORIES)) {
    for (const width of [80, 100, 120]) {
      const lines = plain(story(), width).split('\n');
      for (const line of lines.slice(0, -1)) {
        if (/\S{60}/.test(line)) continue; // a single word longer than the line stands alone
        assert.ok(displayWidth(line) <= width, `${name} at ${width}: ${line}`);
      }
      assert.match(lines.at(-1)!, /^\S+ .+ \(exit [014]\): /, name);
    }
  }
});

test('without colour the terminal gets no escape sequence', () => {
  for (const story of Object.values(STORIES)) assert.equal(plain(story()).includes('\u001b'), false);
});
