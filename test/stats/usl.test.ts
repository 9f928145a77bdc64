import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createRandom } from '../../src/stats/random.ts';
import { fitScalability } from '../../src/stats/usl.ts';

const throughput = (n: number, lambda: number, sigma: number, kappa: number): number =>
  (lambda * n) / (1 + sigma * (n - 1) + kappa * n * (n - 1));
const curve = (loads: readonly number[], lambda: number, sigma: number, kappa: number) =>
  loads.map((inFlight) => ({ inFlight, perSecond: throughput(inFlight, lambda, sigma, kappa) }));
const LOADS = [1, 2, 4, 8, 16, 32, 64];

test('a curve of the law gives its own coefficients back', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0.1, max: 100, noNaN: true }),
      fc.double({ min: 0.001, max: 0.5, noNaN: true }),
      fc.double({ min: 1e-5, max: 0.01, noNaN: true }),
      (lambda, sigma, kappa) => {
        const fit = fitScalability(curve(LOADS, lambda, sigma, kappa))!;
        assert.ok(Math.abs(fit.lambda / lambda - 1) < 1e-4);
        assert.ok(Math.abs(fit.sigma / sigma - 1) < 1e-3);
        assert.ok(Math.abs(fit.kappa / kappa - 1) < 1e-3);
        assert.ok(Math.abs(fit.peak! / Math.sqrt((1 - sigma) / kappa) - 1) < 1e-2);
      },
    ),
  );
});

test('Amdahl’s law is the case without coherency, a straight line that without contention either', () => {
  const amdahl = fitScalability(curve(LOADS, 10, 0.05, 0))!;
  assert.ok(Math.abs(amdahl.sigma - 0.05) < 1e-6 && amdahl.kappa < 1e-9);
  const line = fitScalability(curve(LOADS, 10, 0, 0))!;
  assert.ok(line.sigma < 1e-9 && line.kappa < 1e-9 && Math.abs(line.lambda - 10) < 1e-6);
});

test('coefficients are never below 0, whatever the curve, and noise of 2 % moves the peak little', () => {
  const better = LOADS.map((inFlight) => ({ inFlight, perSecond: inFlight ** 1.3 }));
  const fit = fitScalability(better)!;
  assert.ok(fit.sigma >= 0 && fit.kappa >= 0 && fit.peak === null);
  const random = createRandom('usl');
  const noisy = curve(LOADS, 10, 0.03, 0.001).map((point) => ({
    ...point,
    perSecond: point.perSecond * Math.exp(0.02 * random.normal()),
  }));
  assert.ok(Math.abs(fitScalability(noisy)!.peak! / Math.sqrt(0.97 / 0.001) - 1) < 0.25);
});

test('fewer than four steps, or steps that carried nothing, are no curve', () => {
  assert.equal(fitScalability(curve([1, 2, 4], 10, 0.1, 0.01)), null);
  assert.equal(fitScalability([0, 0, 0, 0].map((inFlight) => ({ inFlight, perSecond: 0 }))), null);
  assert.equal(fitScalability([3, 3, 3, 3].map((inFlight) => ({ inFlight, perSecond: 5 })))?.peak ?? null, null);
});
