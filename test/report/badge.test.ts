// The badge: well-formed, and only where there is a load line.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderBadge } from '../../src/report/badge.ts';
import { verdictOf } from './fixtures.ts';

test('the badge says the load line, for those who do not see it too', () => {
  const badge = renderBadge({ verdict: verdictOf() })!;
  assert.match(badge, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" [^>]*aria-label="load line: 32\.9 req\/s">/);
  assert.doesNotMatch(badge, /<script|href=|NaN|undefined/);
});

test('a bound is said, and stays text', () => {
  const { loadLine } = verdictOf();
  const badge = renderBadge({ verdict: verdictOf({ loadLine: { ...loadLine!, bound: 'below' } }) })!;
  assert.doesNotMatch(badge.replace(/<\/?(?:svg|title|clipPath|rect|g|text)\b[^>]*>/g, ''), /[<>]/);
});

test('without a load line there is no badge', () => {
  assert.equal(renderBadge({ verdict: verdictOf({ loadLine: null }) }), null);
  assert.equal(renderBadge({ verdict: verdictOf({ loadLine: { ...verdictOf().loadLine!, rate: null } }) }), null);
});
