// Random histories of a pull request's comments: jobs that run at once, are killed, lose answers or are refused. Whatever
// happened, one comment for each deployment is left.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { createApi } from '../../src/github/api.ts';
import { publishComment } from '../../src/github/comment.ts';
import { formatMarker, type Marker, parseMarker } from '../../src/github/marker.ts';
import { ACTIONS_BOT, type FakeGitHub, type Fault, REPOSITORY, startFakeGitHub } from './fake-github.ts';

interface Job {
  readonly config: string;
  readonly startMs: number;
  /** Its process is gone by then; null = it ends well. */
  readonly killedMs: number | null;
}
/** Jobs that overlap, and what GitHub does meanwhile. */
interface Group {
  readonly jobs: readonly Job[];
  readonly faults: readonly Fault[];
}

const CONFIGS = ['a.yml', 'b.yml'];
const TARGET = { owner: REPOSITORY.owner, repo: REPOSITORY.repo, prNumber: REPOSITORY.pull };
const AT_ONCE = { key: () => ({ schedule: (_options: unknown, task: () => unknown) => task() }) };

const slow = fc.record({ times: fc.integer({ min: 1, max: 4 }), delayMs: fc.integer({ min: 1, max: 15 }) });
const failing = fc.record({
  method: fc.constantFrom('GET', 'POST', 'PATCH', 'DELETE'),
  path: fc.constant(/comments/),
  times: fc.integer({ min: 1, max: 4 }),
  status: fc.constantFrom(403, 500, 502, 503),
});
const lost = fc.record({
  method: fc.constantFrom('POST', 'PATCH', 'DELETE'),
  path: fc.constant(/comments/),
  times: fc.integer({ min: 1, max: 2 }),
  status: fc.constant(502),
  lost: fc.constant(true as const),
});
const group = (faults: fc.Arbitrary<Fault>, killedMs: fc.Arbitrary<number | null>): fc.Arbitrary<Group> =>
  fc.record({
    jobs: fc.array(
      fc.record({ config: fc.constantFrom(...CONFIGS), startMs: fc.integer({ min: 0, max: 20 }), killedMs }),
      { minLength: 1, maxLength: 4 },
    ),
    faults: fc.array(faults, { maxLength: 4 }),
  });
const healthy = group(slow, fc.constant(null));
const troubled = group(fc.oneof(slow, failing, lost), fc.option(fc.integer({ min: 0, max: 40 })));

/** Run numbers rise with the groups; within one, the jobs may come in any order. */
async function play(fake: FakeGitHub, groups: readonly Group[], onEnd: (group: Group, index: number) => void) {
  for (const [index, { jobs, faults }] of groups.entries()) {
    fake.faults.splice(0, Infinity, ...faults.map((fault) => ({ ...fault })));
    await Promise.all(
      jobs.map(async ({ config, startMs, killedMs }, number) => {
        await sleep(startMs);
        await run(fake, config, 100 * (index + 1) + number, killedMs === null ? null : AbortSignal.timeout(killedMs));
      }),
    );
    fake.faults.length = 0;
    onEnd(groups[index]!, index);
  }
}

/** 200 of them; they mostly wait, and each has a GitHub of its own. */
const histories = (property: fc.IAsyncProperty<[Group[]]>): Promise<unknown> =>
  Promise.all(Array.from({ length: 8 }, () => fc.assert(property, { numRuns: 25 })));

const groupOf = ({ run }: Marker): number => Math.floor(run / 100) - 1;

async function run(fake: FakeGitHub, config: string, number: number, signal: AbortSignal | null): Promise<void> {
  const pacing = { write: AT_ONCE, notifications: AT_ONCE };
  const api = createApi({ token: 't0ken', baseUrl: fake.url, secondMs: 2, pacing, ...(signal && { signal }) });
  await publishComment(api, TARGET, { config, name: '', run: number, attempt: 1 }, `by ${number}`);
}

const ours = (fake: FakeGitHub, config: string): readonly Marker[] =>
  fake.comments
    .filter(({ user }) => user === ACTIONS_BOT)
    .flatMap(({ body }) => parseMarker(body) ?? [])
    .filter((marker) => marker.config === config);

// GitHub has no conditional write: of jobs that write within the same moment, the last to arrive is read.
test('jobs at once leave one comment each deployment, of one of the newest, in 200 random histories', async () => {
  await histories(
    fc.asyncProperty(fc.array(healthy, { minLength: 1, maxLength: 3 }), async (groups) => {
      await using fake = await startFakeGitHub();
      const lastGroup = new Map<string, number>();
      await play(fake, groups, ({ jobs }, index) => {
        for (const { config } of jobs) lastGroup.set(config, index);
        for (const [config, group] of lastGroup)
          assert.deepEqual(
            ours(fake, config).map((marker) => groupOf(marker)),
            [group],
            `${config} after group ${index}`,
          );
      });
      assert.deepEqual(fake.violations, []);
    }),
  );
});

test('after kills, refusals and lost answers the next run that ends well leaves one comment, in 200 random histories', async () => {
  await histories(
    fc.asyncProperty(fc.array(troubled, { minLength: 1, maxLength: 3 }), async (groups) => {
      await using fake = await startFakeGitHub();
      const forged = fake.add(
        { login: 'mallory', type: 'User' },
        formatMarker({ config: 'a.yml', name: '', run: 9_999, attempt: 1 }),
      );
      await play(fake, groups, () => {});
      for (const config of CONFIGS) {
        await run(fake, config, 1_000, null);
        assert.deepEqual(
          ours(fake, config).map((marker) => marker.run),
          [1_000],
          config,
        );
      }
      assert.ok(fake.comments.includes(forged));
      assert.deepEqual(fake.violations, []);
    }),
  );
});
