// What the machine did to a stage while it was measured: an engine that started anew, a GPU that slowed its clocks,
// cores that a hypervisor gave to others. In: how the loads ended and the phases that count. Out: what makes the stage
// unfit, as far as a monitor saw it.

import { mean } from 'simple-statistics';
import type { Invalidity } from './measurement.ts';
import type { LoadEnd, MeasuredPhase } from './phase.ts';

/** A reading or two of a long stage may be the sampler's own moment. */
const THROTTLED_LIMIT = 5;
/** Less than this is found on quiet virtual machines too. */
const STOLEN_LIMIT = 2;

export function machineFaults(ends: readonly LoadEnd[], counted: readonly MeasuredPhase[]): Invalidity[] {
  return [...restarted(ends), ...throttled(counted), ...stolen(counted)];
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
  const percent = meanOf(counted, 'gpu.throttled');
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

/** What waits for a core that is somebody else's waits in every percentile, and no counter of the engine shows it. */
function stolen(counted: readonly MeasuredPhase[]): Invalidity[] {
  const percent = meanOf(counted, 'host.steal');
  if (percent <= STOLEN_LIMIT) return [];
  return [
    {
      code: 'stolen',
      message: `the host of this virtual machine gave ${Math.round(percent)} % of its CPU time to others`,
      advice:
        'Run it again at a quieter time, or on a machine of its own; comparison.against: interleaved gives both sides the same host.',
      phase: null,
    },
  ];
}

/** Of all readings in these phases; 0 where there is none. */
function meanOf(phases: readonly MeasuredPhase[], metric: string): number {
  const readings = phases.flatMap((phase) => phase.figures.samples.get(metric) ?? []);
  return readings.length === 0 ? 0 : mean(readings);
}
