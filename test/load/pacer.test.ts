import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pace } from '../../src/load/pacer.ts';

function burn(ms: number): void {
  for (const until = performance.now() + ms; performance.now() < until; );
}

/** Fires at the planned times; gives when each was fired. */
async function run(
  planned: readonly number[],
  onFire: (index: number) => void = () => {},
  signal = new AbortController().signal,
  idle?: () => boolean,
): Promise<number[]> {
  const start = performance.now();
  const now = (): number => performance.now() - start;
  const fired: number[] = [];
  let next = 0;
  await pace({
    next: () => planned[next++] ?? null,
    fire() {
      fired.push(now());
      onFire(fired.length - 1);
    },
    ...(idle && { idle }),
    now,
    signal,
  });
  return fired;
}

test('never fires early, and every planned time once', async () => {
  const planned = Array.from({ length: 300 }, (_, i) => 5 + i * 1.7);
  const fired = await run(planned);
  assert.equal(fired.length, planned.length);
  for (const [index, time] of fired.entries()) assert.ok(time >= planned[index]!, `${time} for ${planned[index]}`);
});

test('keeps the rate though every send costs: sleeps are absolute, not relative to the last send', async () => {
  // 4 ms of work in every 10 ms: sleeping 10 ms after each send would take 1.4 times the plan.
  const planned = Array.from({ length: 100 }, (_, i) => i * 10);
  const fired = await run(planned, () => burn(4));
  assert.equal(fired.length, 100);
  assert.ok(fired.at(-1)! < 990 * 1.3, `the last of 990 ms was fired at ${fired.at(-1)} ms`);
});

test('late by a stall, it catches up and fires everything', async () => {
  const planned = Array.from({ length: 200 }, (_, i) => i * 2);
  const fired = await run(planned, (index) => index === 20 && burn(150));
  assert.equal(fired.length, 200);
  const lateness = fired.map((time, index) => time - planned[index]!);
  assert.ok(lateness[21]! > 100);
  assert.ok(lateness.at(-1)! < lateness[21]! / 2, `still ${lateness.at(-1)} ms late at the end`);
});

test('lets the event loop turn while it catches up', async () => {
  let turns = 0;
  const turning = setInterval(() => {
    turns += 1;
  }, 1);
  await run(
    Array.from({ length: 200 }, () => 0),
    () => burn(0.5),
  );
  clearInterval(turning);
  assert.ok(turns >= 10, `${turns} turns in 100 ms of catching up`);
});

test('sleeps in one piece where nothing is awaited, and from the first moment that something is in short ones', async (t) => {
  const naps = t.mock.method(Atomics, 'wait');
  let awaited = false;
  for (let i = 0; i < 20; i++) {
    awaited = false;
    await run(
      [2, 4],
      (index) => (awaited = index === 0),
      undefined,
      () => !awaited,
    );
  }
  const lengths = naps.mock.calls.map(({ arguments: given }) => given[3]!);
  const long = lengths.filter((ms) => ms > 0.15);
  assert.ok(long.length >= 15 && long.length <= 40, `${long.length} long naps before 20 times`);
  assert.ok(lengths.length - long.length >= 60, `${lengths.length - long.length} short naps in 40 ms of waiting`);
  assert.ok(
    long.every((ms) => ms <= 2),
    `${Math.max(...long)} ms`,
  );
});

test('naps where the event loop has nothing to do, and not while it is kept busy', async (t) => {
  const naps = t.mock.method(Atomics, 'wait');
  // So near that no timer is set; often, for the first turns of anything are long ones.
  for (let i = 0; i < 20; i++) await run([2]);
  assert.ok(naps.mock.callCount() >= 60, `${naps.mock.callCount()} naps in 40 ms of idling`);
  for (const { arguments: given } of naps.mock.calls) assert.ok(given[3]! <= 0.15, `a nap of ${given[3]} ms`);
  naps.mock.resetCalls();
  let turns = 0;
  let over = false;
  const work = (): void => {
    turns += 1;
    burn(0.3);
    if (!over) setImmediate(work);
  };
  setImmediate(work);
  await run(Array.from({ length: 30 }, (_, index) => index));
  over = true;
  // It hears of the work from the turn that follows its first nap.
  assert.ok(turns >= 10, `${turns} turns`);
  assert.ok(naps.mock.callCount() <= 2, `${naps.mock.callCount()} naps in ${turns} busy turns`);
});

test('stops soon after an abort, in a sleep and in a burst', async () => {
  const abort = new AbortController();
  const started = performance.now();
  setTimeout(() => abort.abort(), 20);
  assert.deepEqual(await run([60_000], () => {}, abort.signal), []);
  assert.ok(performance.now() - started < 1_000);
  const second = new AbortController();
  const fired = await run(
    Array.from({ length: 1_000 }, () => 0),
    (index) => index === 9 && second.abort(),
    second.signal,
  );
  assert.equal(fired.length, 10);
});
