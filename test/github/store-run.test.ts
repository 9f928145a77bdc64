// Which runs may become a level that others are held to.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EVENT_KINDS } from '../../src/github/event.ts';
import { whyNot } from '../../src/github/store-run.ts';

test('only a run that passed, for a branch, outside of pull requests, forks and Plimsoll’s own branches is committed', () => {
  const push = { kind: 'push', isFork: false, branch: 'release/1.4' } as const;
  assert.equal(whyNot(push, 0), null);
  for (const kind of EVENT_KINDS)
    assert.equal(whyNot({ ...push, kind }, 0) === null, ['push', 'schedule', 'workflow_dispatch'].includes(kind), kind);
  assert.match(whyNot({ ...push, isFork: true }, 0) ?? '', /from a fork/);
  assert.match(whyNot({ ...push, branch: null }, 0) ?? '', /tag/);
  assert.match(whyNot({ ...push, branch: 'plimsoll/baseline/main' }, 0) ?? '', /Plimsoll's own/);
  for (const code of [1, 3, 4, 130]) assert.match(whyNot(push, code) ?? '', /did not pass/);
});
