import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judge } from '../../src/judge/judge.ts';
import type { ReportInput } from '../../src/report/input.ts';
import { scalabilitySentence } from '../../src/report/scalability.ts';
import type { CurvePoint } from '../../src/stages/measurement.ts';
import { boot, curvePoint, policy, record, stageOf } from '../judge/fixture.ts';

const point = (inFlight: number, options: Partial<CurvePoint> = {}): CurvePoint =>
  curvePoint({
    offeredRate: inFlight,
    achievedRate: (10 * inFlight) / (1 + 0.05 * (inFlight - 1) + 0.002 * inFlight * (inFlight - 1)),
    inFlightMean: inFlight,
    ...options,
  });

function input(curve: CurvePoint[]): ReportInput {
  const run = record([boot(1, [stageOf('linear', {}, { curve })])]);
  const verdict = judge({
    record: run,
    lookup: { kind: 'none', reason: 'none' },
    policy: policy(),
    expected: ['linear'],
  });
  return { record: run, verdict, baseline: null } as unknown as ReportInput;
}

test('a load curve has its two coefficients and its peak in one sentence', () => {
  assert.equal(
    scalabilitySentence(input([1, 2, 4, 8, 16, 24].map((inFlight) => point(inFlight)))),
    'Universal Scalability Law: contention σ 0.05, coherency κ 0.002; throughput peaks at about 22 requests in flight.',
  );
});

test('steps whose backlog grew do not count, and too few say nothing', () => {
  const settled = [1, 2, 4, 8].map((inFlight) => point(inFlight));
  const piled = point(400, { achievedRate: 1, backlogGrowing: true });
  assert.equal(scalabilitySentence(input([...settled, piled])), scalabilitySentence(input(settled)));
  assert.equal(scalabilitySentence(input(settled.slice(1))), null);
  assert.equal(scalabilitySentence(input([])), null);
});
