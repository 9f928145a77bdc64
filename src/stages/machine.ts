// What the machine did to a stage while it was measured: an engine that started anew, a GPU that slowed its clocks. In:
// how the loads ended and the phases that count. Out: what makes the stage unfit, as far as a monitor saw it.

import { mean } from 'simple-statistics';
import type { Invalidity } from './measurement.ts';
import type { LoadEnd, MeasuredPhase } from './phase.ts';

/** A reading or two of a long stage may be the sampler's own moment. */
const THROTTLED_LIMIT = 5;

export function machineFaults(ends: readonly LoadEnd[], counted: readonly MeasuredPhase[]): Invalidity[] {
  return [...restarted(ends), ...throttled(counted)];
}

/** Half of such a stage is another, colder engine, whose loading was measured as its latency. */
function restarted(ends: readonly LoadEnd[]): Invalidity[] {
  if (!ends.some((end) => end.restarted)) return [];
  return [
    {
      code: 'restarted',
      message: 'the engine restarted during the stage: its counters began again from 0',
      advice: 'See the log of the deployment: something started the engine again, and hid that it had died.',
      phase: null,
    },
  ];
}

function throttled(counted: readonly MeasuredPhase[]): Invalidity[] {
  const readings = counted.flatMap((phase) => phase.figures.samples.get('gpu.throttled') ?? []);
  const percent = readings.length === 0 ? 0 : mean(readings);
  if (percent <= THROTTLED_LIMIT) return [];
  return [
    {
      code: 'throttled',
      message: `the GPU slowed its clocks (heat, or its own protection) in ${Math.round(percent)} % of the readings`,
      advice: 'Cool the machine, or set clocks that it can hold; numbers of a throttled GPU do not repeat.',
      phase: null,
    },
  ];
}
