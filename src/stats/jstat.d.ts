// The few functions of jStat that are used here; the package ships no types.

declare module 'jstat' {
  export const jStat: {
    /** Regularised incomplete beta function Iₓ(a, b). */
    ibeta(x: number, a: number, b: number): number;
    gammaln(x: number): number;
    readonly beta: { inv(p: number, a: number, b: number): number };
    readonly studentt: { inv(p: number, df: number): number };
    readonly normal: { cdf(x: number, mean: number, sd: number): number };
  };
}
