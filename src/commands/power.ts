// `plimsoll power`: what the gates of a configuration can see with a stored baseline, and what more boots would buy.

import { Command } from 'commander';
import { parseBaseline } from '../baseline/store.ts';
import { loadConfig } from '../config/load.ts';
import { WANTED_DF } from '../judge/aa.ts';
import { where } from '../judge/headline.ts';
import { type GatePower, powerOf } from '../judge/power.ts';
import { resolveMetric } from '../metrics.ts';
import { formatChange } from '../metrics-format.ts';
import { atLeastOne, readInput } from './input.ts';

const MORE = [5, 10, 20];

export const powerCommand = (): Command =>
  new Command('power')
    .description('the smallest change that the gates can see with a stored baseline, and what more boots would buy')
    .argument('<baseline>', 'the baseline file')
    .option('-c, --config <file>', 'configuration with the gates', 'plimsoll.yml')
    .option('--boots <n>', 'most boots, or pairs, of a pull request to look at', atLeastOne, 5)
    .option('--all', 'every compared metric, not only the gates', false)
    .option('--json', 'print one JSON object', false)
    .action((path: string, flags: { config: string; boots: number; all: boolean; json: boolean }) => {
      const file = parseBaseline(readInput(path), path);
      const config = loadConfig(flags.config, { allowMissingEnv: true });
      const { boots, all } = flags;
      const learnt = powerOf(file, config, { boots, more: [], all, learnt: WANTED_DF });
      const gates = powerOf(file, config, { boots, more: MORE, all }).map((gate, index) => ({
        ...gate,
        withLedger: learnt[index]!.rows[0]?.detectable ?? null,
      }));
      process.stdout.write(`${flags.json ? JSON.stringify({ path, gates }) : describe(path, gates)}\n`);
    });

interface Gate extends GatePower {
  /** With WANTED_DF more degrees of freedom in the ledger, and no more boots recorded; null while none is. */
  readonly withLedger: readonly number[] | null;
}

function describe(path: string, gates: readonly Gate[]): string {
  if (gates.length === 0) return `${path} has no history of what the configuration gates.`;
  return [
    `${path}: the smallest change for the worse that is caught with 95 % power, by ${gates[0]!.by} of a pull request`,
    ...gates.flatMap((gate) => ['', ...describeGate(gate)]),
  ].join('\n');
}

function describeGate(gate: Gate): string[] {
  const { unit } = resolveMetric(gate.metric)!;
  const amount = (change: number): string => formatChange(change, gate.changeIs, unit);
  const { by, df } = gate;
  const sources = [
    ...(by === 'boots' ? [`${df.baseline} from its boots`] : []),
    ...(df.ledger > 0 ? [`${df.ledger} from the ledger`] : []),
    ...(df.prior > 0 ? [`${df.prior} assumed`] : []),
  ];
  const width = 12;
  const line = (name: string, detectable: readonly number[]): string =>
    `  ${name.padEnd(20)}${detectable.map((change) => amount(change).padStart(width)).join('')}`;
  const heads = gate.rows[0]!.detectable.map((_, index) =>
    index === 0 ? `one ${by.slice(0, -1)}` : `${index + 1} ${by}`,
  );
  const now = by === 'boots' ? `now, ${gate.boots} recorded` : 'now';
  return [
    `${where(gate)}${gate.gate ? '' : ' (no gate)'}: ${by} differ by ${amount(gate.sd).replace('+', '')} (degrees of freedom: ${sources.join(', ')}); changes below ${amount(gate.minimumEffect).replace('+', '')} are not called`,
    `  ${''.padEnd(20)}${heads.map((head) => head.padStart(width)).join('')}`,
    ...gate.rows.map(({ more, detectable }) => line(more === 0 ? now : `${more} more`, detectable)),
    // Where the ledger is full, more of it changes nothing.
    ...(gate.withLedger === null || df.ledger >= WANTED_DF ? [] : [line(`ledger + ${WANTED_DF}`, gate.withLedger)]),
  ];
}
