// `plimsoll demo`: the main job on the simulated engine with a slowdown injected, judged by default thresholds
// and the production judge against the baselines that ship with Plimsoll. Exits 0 when the verdict is right.

import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { configFolder, loadConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { EXIT, PlimsollError } from '../errors.ts';
import { type RunResult, run } from '../run.ts';
import { atLeastOne } from './input.ts';
import { localProvenance, print, storeRun, terminalProgress } from './run.ts';

/** How much slower the demo's decode step is. */
const SLOWDOWN = 1.1;

interface DemoFlags {
  readonly healthy: boolean;
  readonly record: boolean;
  readonly boots: number;
  readonly out: string;
  readonly baselines?: string;
}

export const demoCommand = (signal: AbortSignal): Command =>
  new Command('demo')
    .description('the main job on the simulated engine, with an injected slowdown')
    .option('--healthy', 'no slowdown: shows the pass', false)
    .option('--record', 'shows the way to a first baseline: records boots into a store', false)
    .option('--boots <n>', 'boots to record', atLeastOne, 1)
    .option('--out <dir>', 'where the files of the run go', 'plimsoll-out')
    .option(
      '--baselines <dir>',
      'the store (default: the one that ships with Plimsoll; with --record, a folder of the demo)',
    )
    .action(async (flags: DemoFlags) => {
      if (flags.healthy && flags.record)
        throw new PlimsollError('USAGE', '--healthy and --record exclude each other.', {
          hint: '--record always records the healthy engine.',
        });
      process.exitCode = flags.record ? await record(flags, signal) : await gate(flags, signal);
    });

async function gate(flags: DemoFlags, signal: AbortSignal): Promise<number> {
  const slowdown = flags.healthy ? 1 : SLOWDOWN;
  say(
    `The simulated engine ${flags.healthy ? 'as it was recorded' : `with a decode step ${Math.round((slowdown - 1) * 100)} % slower`}, against the stored baseline.`,
  );
  const result = await runOnce(
    slowdown,
    'gate',
    flags.out,
    flags.baselines ?? fromHere(join(packageRoot(), 'baselines')),
    signal,
  );
  print(result, false);
  if (signal.aborted) return EXIT.interrupted;
  const { outcome, headline, findings } = result.verdict;
  const regressed = findings.some((finding) => finding.kind === 'regression');
  const right = flags.healthy ? outcome === 'pass' : outcome === 'fail' && regressed;
  const expected = flags.healthy ? 'a pass' : 'a confirmed regression';
  say(
    `${right ? 'demo: as it should be' : `demo: NOT as it should be (expected ${expected})`} — ${outcome}: ${headline}`,
  );
  return right ? EXIT.ok : EXIT.fail;
}

async function record(flags: DemoFlags, signal: AbortSignal): Promise<number> {
  const store = flags.baselines ?? 'plimsoll-demo-baselines';
  for (let boot = 1; boot <= flags.boots && !signal.aborted; boot++) {
    say(`Recording boot ${boot} of ${flags.boots} of the simulated engine into ${store}/.`);
    const result = await runOnce(1, 'baseline', flags.out, store, signal);
    storeRun(result, store);
    if (boot === flags.boots) print(result, false);
  }
  if (signal.aborted) return EXIT.interrupted;
  say(
    `demo: recorded. Compare with it: plimsoll demo --baselines ${store} (a baseline of fewer than ten boots says what it can't see yet).`,
  );
  return EXIT.ok;
}

async function runOnce(
  slowdown: number,
  mode: 'gate' | 'baseline',
  out: string,
  baselines: string,
  signal: AbortSignal,
): Promise<RunResult> {
  const file = join(packageRoot(), 'examples', 'simulated', 'plimsoll.yml');
  const config = onFreePort(loadConfig(file), await freePort(), slowdown);
  const shown = 'examples/simulated/plimsoll.yml';
  return run({
    config,
    cwd: configFolder(file),
    out,
    baselines: { kind: 'directory', path: baselines },
    base: null,
    mode,
    name: '',
    provenance: { ...localProvenance(shown, packageRoot()), policySource: shown },
    progress: terminalProgress(),
    signal,
  });
}

/** The example's deployment, started from this very Plimsoll on a port that is free now. */
function onFreePort(config: Config, port: number, slowdown: number): Config {
  const url = new URL(config.deployment.url);
  url.port = String(port);
  const given = config.deployment.command ?? [];
  const portFlag = given.indexOf('--port');
  const flags = given
    .slice(given.indexOf('sim') + 1)
    .filter((_, index, all) => all[index] !== '--port' && all[index - 1] !== '--port');
  if (portFlag < 0) throw new PlimsollError('INTERNAL', 'The example of the simulated engine names no --port.', {});
  if (slowdown !== 1) flags.push('--decode-slowdown', String(slowdown));
  const entry = resolve(process.argv[1] ?? fileURLToPath(import.meta.url));
  return {
    ...config,
    deployment: {
      ...config.deployment,
      command: [process.execPath, entry, 'sim', '--port', String(port), ...flags],
      url: url.href.replace(/\/$/, ''),
      // What changed between two demos, without the paths and ports of this machine.
      subject: { command: ['plimsoll', 'sim', ...flags].join(' ') },
    },
  };
}

/** As people would write it where they stand; absolute where that leads out of their folder. */
function fromHere(path: string): string {
  const near = relative(process.cwd(), path);
  return near === '' || near.startsWith('..') ? path : near;
}

function packageRoot(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder;
    if (folder === dirname(folder))
      throw new PlimsollError('INTERNAL', 'The folder of Plimsoll itself was not found.', {});
  }
}

const freePort = (): Promise<number> =>
  new Promise((done, fail) => {
    const probe = createServer().once('error', fail);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => done(port));
    });
  });

const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};
