// The last load curve of a segment. The store keeps it as `unknown`: what does not read as one is no curve.

import { stageMeasurementSchema } from '../record/schema.ts';
import type { CurvePoint } from '../stages/measurement.ts';
import type { Segment } from './schema.ts';

/** Steps in order of load; null = none is kept, or it is damaged. */
export function storedCurve(segment: Segment | undefined): readonly CurvePoint[] | null {
  const parsed = stageMeasurementSchema.shape.curve.safeParse(segment?.curve);
  return parsed.success && parsed.data !== null && parsed.data.length > 0 ? parsed.data : null;
}
