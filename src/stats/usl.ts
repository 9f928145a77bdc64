// The Universal Scalability Law (Gunther 1993; "Guerrilla Capacity Planning", 2007, chapter 4): throughput at N requests
// in flight is X(N) = λN / (1 + σ(N − 1) + κN(N − 1)). σ is contention (waiting for what is shared), κ coherency (work
// that grows with every pair). With κ > 0 more load means less throughput past a peak.

export interface ScalabilityFit {
  /** Requests per second of a single request in flight. */
  readonly lambda: number;
  readonly sigma: number;
  readonly kappa: number;
  /** Requests in flight at which throughput peaks, √((1 − σ)/κ); null = it only levels off. */
  readonly peak: number | null;
}

export interface ScalabilityPoint {
  readonly inFlight: number;
  readonly perSecond: number;
}

/** Three coefficients need at least one point more. */
const FEWEST = 4;

/**
 * N/X is linear in N − 1 and N(N − 1), with coefficients 1/λ, σ/λ, κ/λ. Least squares weighted by (X/N)², since throughput
 * is known to a share of itself; coefficients below 0 are held at 0.
 * @returns null with too few points, or where no coefficients above 0 fit
 */
export function fitScalability(points: readonly ScalabilityPoint[]): ScalabilityFit | null {
  const usable = points.filter(({ inFlight, perSecond }) => inFlight > 0 && perSecond > 0);
  if (usable.length < FEWEST) return null;
  let best: { readonly error: number; readonly coefficients: readonly number[] } | null = null;
  for (const kept of SUBSETS) {
    const rows = usable.map(({ inFlight: n, perSecond }) => {
      const weight = perSecond / n;
      const terms = [1, n - 1, n * (n - 1)];
      return { x: kept.map((term) => terms[term]! * weight), y: 1 };
    });
    const solved = leastSquares(rows);
    if (solved === null || solved.some((value) => value < 0)) continue;
    const error = rows.reduce(
      (sum, { x, y }) => sum + (y - x.reduce((fit, value, index) => fit + value * solved[index]!, 0)) ** 2,
      0,
    );
    const coefficients = [0, 1, 2].map((term) => solved[kept.indexOf(term)] ?? 0);
    if (best === null || error < best.error) best = { error, coefficients };
  }
  const [base = 0, contention = 0, coherency = 0] = best?.coefficients ?? [];
  if (base <= 0) return null;
  const [sigma, kappa] = [contention / base, coherency / base];
  return { lambda: 1 / base, sigma, kappa, peak: kappa > 0 && sigma < 1 ? Math.sqrt((1 - sigma) / kappa) : null };
}

/** Which of the three coefficients are not held at 0. */
const SUBSETS: readonly (readonly number[])[] = [[0, 1, 2], [0, 1], [0, 2], [0]];

interface Row {
  readonly x: readonly number[];
  readonly y: number;
}

/** By the normal equations and Gauss–Jordan with pivots; null where the columns do not differ. */
function leastSquares(rows: readonly Row[]): number[] | null {
  const size = rows[0]!.x.length;
  const system = Array.from({ length: size }, (_, i) => [
    ...Array.from({ length: size }, (_, j) => rows.reduce((sum, { x }) => sum + x[i]! * x[j]!, 0)),
    rows.reduce((sum, { x, y }) => sum + x[i]! * y, 0),
  ]);
  for (let column = 0; column < size; column++) {
    const pivot = system
      .slice(column)
      .reduce((most, row) => (Math.abs(row[column]!) > Math.abs(most[column]!) ? row : most));
    if (Math.abs(pivot[column]!) < 1e-12) return null;
    const from = system.indexOf(pivot);
    [system[column], system[from]] = [system[from]!, system[column]!];
    for (let other = 0; other < size; other++) {
      if (other === column) continue;
      const factor = system[other]![column]! / system[column]![column]!;
      system[other] = system[other]!.map((value, index) => value - factor * system[column]![index]!);
    }
  }
  return system.map((row, index) => row[size]! / row[index]!);
}
