import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Element, Nodes } from 'hast';
import { formatMarker, parseMarker } from '../../src/github/marker.ts';
import { COMMENT_BYTES, renderComment } from '../../src/report/comment.ts';
import { renderFailure } from '../../src/report/failure.ts';
import { byteLength } from '../../src/report/fit.ts';
import type { ReportInput } from '../../src/report/input.ts';
import { renderSummary, SUMMARY_BYTES } from '../../src/report/summary.ts';
import { toTree } from '../pages/github.ts';
import { HOSTILE, STORIES } from './fixtures.ts';

/** A report in which every text that a server, a file or a fork can write is `text`. */
function infected(text: string): ReportInput {
  const { record, verdict, provenance, baseline } = STORIES.regression!();
  const finding = { kind: 'breach', severity: 'fail', message: text, advice: text } as const;
  const invalid = [{ code: 'errors', message: text, advice: text, phase: text } as const];
  return {
    baseline,
    provenance: { ...provenance, commit: text, policySource: text, policyChanges: [text, text], configPath: text },
    record: {
      ...record,
      id: text,
      name: text,
      deployment: text,
      statusReason: text,
      environment: { [text]: text },
      subject: { [text]: text },
      discarded: [{ index: 9, reason: text }],
      boots: record.boots.map((boot) => ({
        ...boot,
        reason: text,
        stages: boot.stages.map((stage) => ({
          ...stage,
          status: 'aborted' as const,
          reason: text,
          invalid,
          cliffs: stage.cliffs.map((cliff) => ({ ...cliff, what: text, why: text })),
        })),
      })),
    },
    verdict: {
      ...verdict,
      headline: text,
      findings: [finding, { ...finding, severity: 'info' }],
      sla: verdict.sla.map((rule) => ({ ...rule, metric: text, note: text })),
      comparisons: verdict.comparisons.map((one) => ({
        ...one,
        metric: text,
        because: text,
        smallestDetectable: null,
      })),
      stages: verdict.stages.map((one) => ({
        ...one,
        standing: 'incomparable' as const,
        reason: text,
        advice: text,
        differences: [{ field: text, baseline: text, candidate: text }],
      })),
      baseline: { ...verdict.baseline!, path: text, segment: text },
      climb: { again: false, reason: text },
    },
  };
}

const failed = (text: string): string =>
  renderFailure({ code: 'BOOT_EXITED', message: text, hint: text, deployment: text, configPath: text, logTail: text });

/** Tags in order, with their depth. */
function skeleton(node: Nodes, depth = 0): string[] {
  const own = node.type === 'element' ? [`${depth} ${node.tagName}`] : node.type === 'comment' ? ['comment'] : [];
  return 'children' in node ? [...own, ...node.children.flatMap((child) => skeleton(child, depth + 1))] : own;
}

/** What is written, code apart: GitHub looks for mentions and references there. */
function prose(node: Nodes): string {
  if (node.type === 'text') return node.value;
  if (node.type === 'element' && (node as Element).tagName === 'code') return ' ';
  return 'children' in node ? node.children.map(prose).join('') : '';
}

const PIECES = [
  ...HOSTILE.filter((text) => text !== ''),
  '<',
  '>',
  '&',
  '|',
  '`',
  '```',
  '~~~',
  '@org/team',
  '#12',
  ':tada:',
  '$x$',
  '\\',
  '[a](b)',
  '**',
  '_',
  '\n',
  '\n\n',
  '\r\n- ',
  '\n```\n',
  '\n</details>\n',
  '<summary>',
  '<!--',
  '-->',
  '[^1]',
  '\u2028',
  '&#64;all',
  '&lt;',
  'word',
  '7',
  'https://a.example',
];
/** Mostly of what means something to somebody; never empty once it is cleaned, since what is empty is left out. */
const nasty = fc
  .array(fc.oneof(fc.constantFrom(...PIECES), fc.string({ unit: 'binary', maxLength: 4 })), { maxLength: 10 })
  .map((parts) => `x${parts.join('')}x`);

test('no text from outside makes or closes an element of the comment', () => {
  const plain = skeleton(toTree(renderComment(infected('word'))));
  assert.ok(plain.length > 300);
  fc.assert(
    fc.property(nasty, (text) => assert.deepEqual(skeleton(toTree(renderComment(infected(text)))), plain)),
    { numRuns: 20 },
  );
});

test('no text from outside makes or closes an element of the summary or of a failure', () => {
  const plainSummary = skeleton(toTree(renderSummary(infected('word'))));
  fc.assert(
    fc.property(nasty, (text) => {
      assert.deepEqual(skeleton(toTree(renderSummary(infected(text)))), plainSummary);
      const [first] = text.split(/\r?\n/);
      // A message of several lines has a block for the rest of them.
      const like = text.trim() === first!.trim() ? 'word' : text.replaceAll(/[^\r\n]+/g, 'word');
      assert.deepEqual(skeleton(toTree(failed(text))), skeleton(toTree(failed(like))));
    }),
    { numRuns: 20 },
  );
});

test('no text from outside mentions anyone, refers to anything or draws an emoji', () => {
  fc.assert(
    fc.property(nasty, (text) => {
      for (const markdown of [renderComment(infected(text)), failed(text)])
        assert.doesNotMatch(prose(toTree(markdown)), /@[\w-]|#\d|\bGH-\d|:[a-z_]+:/i);
    }),
    { numRuns: 20 },
  );
});

test('no text from outside is taken for the marker, and a marker holds any configuration and name', () => {
  fc.assert(
    fc.property(nasty, nasty, fc.nat(), (config, name, run) => {
      assert.equal(parseMarker(renderComment(infected(config))), null);
      const marker = { config, name, run: run + 1, attempt: 1 };
      const line = formatMarker(marker);
      assert.equal(line.split(/\r?\n/).length, 1);
      assert.deepEqual(parseMarker(`${line}\n${renderComment(infected(name))}`), marker);
      assert.deepEqual(skeleton(toTree(line)), ['comment']);
    }),
    { numRuns: 20 },
  );
});

test('no output exceeds its limit, whatever a text is made of and however long it is', () => {
  const limits = {
    comment: [COMMENT_BYTES, (text: string) => renderComment(infected(text))],
    summary: [SUMMARY_BYTES, (text: string) => renderSummary(infected(text))],
    failure: [COMMENT_BYTES, failed],
  } as const;
  fc.assert(
    fc.property(nasty, fc.constantFrom(1, 100, 1_000), (text, times) => {
      for (const [name, [limit, render]] of Object.entries(limits)) {
        const bytes = byteLength(render(text.repeat(times)));
        assert.ok(bytes <= limit, `${name}: ${bytes} bytes`);
      }
    }),
    // Each shrink renders again.
    { numRuns: 12, endOnFailure: true },
  );
});
