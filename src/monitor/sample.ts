// One reading of one signal. What samplers give, series.ndjson.gz keeps and stages aggregate per phase.

/** Metric bases of the table that samplers can give, without statistic: `gpu.utilization`. */
export interface Sample {
  /** ms of the monotonic clock since the stage's load began; negative before it. */
  readonly tMs: number;
  readonly metric: string;
  readonly value: number;
}

/** A sampler that could not work, for the report: which metrics are missing and why, in words. */
export interface SamplerProblem {
  readonly source: 'nvidia-smi' | 'engine' | 'host' | 'deployment';
  readonly metrics: readonly string[];
  readonly reason: string;
}
