// `npm run bench:live`: whole runs of `plimsoll run`, in real time and over HTTP, half of them with nothing changed and
// half with a slower deployment, in random order; and how often the verdict was right. Flags: --engine sim|llamacpp,
// --runs N of each kind, --boots N of the baseline, --resume to go on where it was broken off, --report for the tables
// of the results that are there alone, --write to put them into docs/judging.md.

import { execFile, spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { stringify } from 'yaml';
import { generate } from '../../scripts/markers.ts';
import type { Verdict } from '../../src/judge/verdict.ts';
import { DEPLOYMENTS, type EngineName, KINDS, type Kind, liveTables, type Played } from './live-tables.ts';

const { values } = parseArgs({
  options: {
    engine: { type: 'string', default: 'sim' },
    runs: { type: 'string', default: '20' },
    boots: { type: 'string', default: '20' },
    resume: { type: 'boolean', default: false },
    report: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const CLI = join(ROOT, 'dist', 'cli.js');
const ENGINES = join(ROOT, '.cache', 'engines');
const results = join(ROOT, 'bench', 'results');

if (!values.report) await play(engineNamed(values.engine));
const tables = liveTables((Object.keys(DEPLOYMENTS) as EngineName[]).flatMap((engine) => kept(engine)));
process.stdout.write(`${tables}\n`);
if (values.write)
  generate(new URL('../../docs/judging.md', import.meta.url), 'the last results', { 'real time': tables });

function engineNamed(name: string): EngineName {
  if (!Object.hasOwn(DEPLOYMENTS, name))
    throw new Error(`--engine ${name}: there are ${Object.keys(DEPLOYMENTS).join(', ')}`);
  return name as EngineName;
}

async function play(engine: EngineName): Promise<void> {
  const folder = join(results, `live-${engine}`);
  if (!values.resume) {
    rmSync(folder, { recursive: true, force: true });
    rmSync(fileOf(engine), { force: true });
  }
  mkdirSync(folder, { recursive: true });
  for (const kind of KINDS) writeFileSync(join(folder, `${kind}.yml`), stringify(DEPLOYMENTS[engine][kind]));
  if (engine === 'llamacpp') await promisify(execFile)(process.execPath, [join(ROOT, 'scripts/engines/install.ts')]);
  for (let boot = bootsIn(folder); boot < Number(values.boots); boot++) {
    say(`${engine}: boot ${boot + 1} of the baseline`);
    const { code, output } = await plimsoll(folder, 'run', '-c', 'same.yml', '--mode', 'baseline', '--out', 'record');
    if (code !== 0) throw new Error(`a baseline run ended with ${code}:\n${output}`);
    appendFileSync(join(folder, 'boots'), '.');
  }
  const wanted = new Map(KINDS.map((kind) => [kind, Number(values.runs)]));
  for (const { kind } of kept(engine)) wanted.set(kind, wanted.get(kind)! - 1);
  for (const kind of inRandomOrder(wanted)) {
    const startMs = performance.now();
    const out = `${kind}-out`;
    const { code, output } = await plimsoll(folder, 'run', '-c', `${kind}.yml`, '--out', out);
    const path = join(folder, out, 'verdict.json');
    if (!existsSync(path)) throw new Error(`a run ended with ${code} and without a verdict:\n${output}`);
    const verdict = JSON.parse(readFileSync(path, 'utf8')) as Verdict;
    const played = playedOf(engine, kind, code, verdict, (performance.now() - startMs) / 1_000);
    appendFileSync(fileOf(engine), `${JSON.stringify(played)}\n`);
    rmSync(path);
    say(`${engine} · ${kind}: ${played.outcome} — ${played.headline}`);
  }
}

function playedOf(engine: EngineName, kind: Kind, code: number | null, verdict: Verdict, seconds: number): Played {
  const named = (wanted: string): string[] =>
    verdict.comparisons.filter((one) => one.verdict === wanted).map((one) => `${one.metric}@${one.stage}`);
  return {
    engine,
    kind,
    exitCode: code,
    outcome: verdict.outcome,
    headline: verdict.headline,
    boots: verdict.boots,
    comparisons: verdict.comparisons.length,
    regressed: named('regressed'),
    suspected: named('suspected'),
    improved: named('improved'),
    seconds,
    date: new Date().toISOString().slice(0, 10),
    machine: `${cpus()[0]?.model.trim() ?? 'an unknown processor'}, ${cpus().length} cores, Node ${process.version.slice(1)}`,
    baselineBoots: Number(values.boots),
  };
}

function* inRandomOrder(wanted: ReadonlyMap<Kind, number>): Generator<Kind> {
  const left = [...wanted].flatMap(([kind, count]) => Array.from({ length: Math.max(0, count) }, () => kind));
  while (left.length > 0) yield left.splice(Math.floor(Math.random() * left.length), 1)[0]!;
}

function kept(engine: EngineName): Played[] {
  if (!existsSync(fileOf(engine))) return [];
  return readFileSync(fileOf(engine), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Played);
}

/** One dot a boot, so that a session that was broken off goes on behind it. */
function bootsIn(folder: string): number {
  const path = join(folder, 'boots');
  return existsSync(path) ? readFileSync(path, 'utf8').length : 0;
}

async function plimsoll(cwd: string, ...args: string[]): Promise<{ code: number | null; output: string }> {
  const env = {
    ...process.env,
    CLI,
    MODEL: join(ENGINES, 'shallow.gguf'),
    DEEPER_MODEL: join(ENGINES, 'deeper.gguf'),
    // `node` is the one that this runs on.
    PATH: [dirname(process.execPath), join(ENGINES, 'bin'), process.env.PATH].join(delimiter),
  };
  const child = spawn(process.execPath, [CLI, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  const code = await new Promise<number | null>((done) => child.once('close', done));
  return { code, output };
}

function fileOf(engine: EngineName): string {
  return join(results, `live-${engine}.jsonl`);
}

function say(text: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);
}
