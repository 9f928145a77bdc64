// From plimsoll.yml to a Config. In: a path or text, and the environment. Out: a configuration that is checked and
// complete, or one error that lists every problem with its line and column.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders are quoted here, not filled

import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { PlimsollError } from '../errors.ts';
import { checkMinimumEffects, defaultGates, resolveGates, resolveSla } from './policy.ts';
import { applyPreset } from './presets.ts';
import { at, check, type Path, type Problem, pathText } from './problems.ts';
import { type Config, configSchema, MOST_IN_FLIGHT, STAGES, slaRuleSchema } from './schema.ts';
import { substitute } from './substitute.ts';
import { unavailable } from './unavailable.ts';
import { readYaml, type YamlFile } from './yaml.ts';

export { combineConfigs } from './combine.ts';
export { refuseUnavailable } from './unavailable.ts';

export interface ReadOptions {
  /** Where `${NAME}` in the deployment section comes from; default: this process. */
  readonly env?: NodeJS.ProcessEnv;
  /** An unset variable's name stands in for its value: for commands that read the policy and start nothing. */
  readonly allowMissingEnv?: boolean;
}

/** Folder that the paths in a configuration file are relative to. */
export const configFolder = (file: string, cwd: string = process.cwd()): string => dirname(resolve(cwd, file));

/** @throws PlimsollError CONFIG_NOT_FOUND, or as parseConfig */
export function loadConfig(path: string, options: ReadOptions = {}): Config {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new PlimsollError('CONFIG_NOT_FOUND', `Cannot read the configuration ${path}: ${(cause as Error).message}`, {
      hint: 'Name it with -c, or write a starting one with `plimsoll init --engine vllm`.',
      cause,
    });
  }
  return parseConfig(text, { file: path, ...options });
}

/**
 * @param options.file for messages and annotations; null where the text has no file
 * @throws PlimsollError CONFIG_INVALID listing every problem, a line each, as `file:line:column path: what`;
 *   ENV_MISSING where unset variables are the only problems
 */
export function parseConfig(text: string, options: ReadOptions & { readonly file?: string | null } = {}): Config {
  const file = options.file ?? null;
  const yaml = readYaml(text.replace(/^\uFEFF/, ''));
  const name = file ?? 'plimsoll.yml';
  if (yaml.errors.length > 0) {
    throw invalid(yaml.errors.map(({ line, column, message }) => `${name}:${line}:${column} ${message}`));
  }
  if (typeof yaml.value !== 'object' || yaml.value === null || Array.isArray(yaml.value)) {
    throw invalid([
      `${name}:1:1 expected the sections deployment and workload, found ${yaml.value === null ? 'nothing' : 'no section at all'}`,
    ]);
  }
  const written = yaml.value as Record<string, unknown>;
  const deployment = substitute(
    written.deployment,
    options.env ?? process.env,
    ['deployment'],
    options.allowMissingEnv ?? false,
  );
  const stages = applyPreset(written.preset, written.stages);
  const filled = { ...written, stages, ...(written.deployment !== undefined && { deployment: deployment.value }) };

  const shape = check(configSchema, filled);
  const policy = readPolicy(filled, yaml);
  const unfilled = new Set(deployment.problems.map(({ path }) => pathText(path)));
  const problems: Problem[] = [
    ...deployment.problems.map(({ path, message }) => ({ path, message, atKey: false })),
    ...shape.problems.filter(({ path }) => !unfilled.has(pathText(path))), // an empty place is not wrong as well
    ...policy.problems,
    ...unavailable(filled),
    ...besideReplay(filled),
    ...besideExternal(filled),
    ...besideCap(filled),
  ];
  if (shape.data === undefined || problems.length > 0) {
    const onlyEnv =
      deployment.problems.length > 0 && problems.length === deployment.problems.filter(({ missing }) => missing).length;
    const lines = describe(problems, yaml, name).map((line) => masked(line, deployment.secrets));
    throw onlyEnv ? envMissing(lines) : invalid(lines);
  }
  const { $schema: _, preset: __, slo, comparison, ...rest } = shape.data;
  return {
    ...rest,
    price: shape.data.price,
    file,
    slo: { ttftMs: slo.ttft, tpotMs: slo.tpot, e2eMs: slo.e2e },
    sla: policy.sla,
    comparison: { ...comparison, gates: policy.gates },
    secrets: deployment.secrets,
    secretNames: deployment.names,
  };
}

/** SLA, gates and minimum effects, each read on its own so that a problem elsewhere does not hide theirs. */
function readPolicy(filled: Readonly<Record<string, unknown>>, yaml: YamlFile) {
  const configured = STAGES.filter((stage) => at(filled, ['stages', stage]) !== undefined);
  const rules = (Array.isArray(filled.sla) ? filled.sla : []).map((rule: unknown) => check(slaRuleSchema, rule).data);
  const sla = resolveSla(
    rules,
    configured,
    filled.price !== undefined,
    (index) => yaml.position(['sla', index], false).line,
  );
  const written = at(filled, ['comparison', 'gates']);
  const gates = Array.isArray(written)
    ? resolveGates(written, configured)
    : { value: defaultGates(configured), problems: [] };
  const effects = checkMinimumEffects(at(filled, ['comparison', 'minimumEffects']), configured);
  return { sla: sla.value, gates: gates.value, problems: [...sla.problems, ...gates.problems, ...effects] };
}

/** A trace says how long prompts and answers are, and which of them share text: nothing else may. */
function besideReplay(filled: Readonly<Record<string, unknown>>): Problem[] {
  if (at(filled, ['stages', 'benchmark', 'replay']) === undefined) return [];
  const kind = at(filled, ['workload', 'prompts', 'kind']);
  const sharedPrefix = at(filled, ['workload', 'prompts', 'sharedPrefix']);
  return [
    ...(kind === 'jsonl' || kind === 'sharegpt' ? [{ path: ['workload', 'prompts', 'kind'], value: kind }] : []),
    ...(sharedPrefix === undefined ? [] : [{ path: ['workload', 'prompts', 'sharedPrefix'], value: 'sharedPrefix' }]),
  ].map(({ path, value }) => ({
    path,
    message: `"${value}" cannot stand beside stages.benchmark.replay, whose trace says how long prompts are and what they share; take it out`,
    atKey: false,
  }));
}

/** The cap is shared out over the workers; users are not dropped, so that they must fit below it. */
function besideCap(filled: Readonly<Record<string, unknown>>): Problem[] {
  const cap = at(filled, ['client', 'maxInFlight']) ?? MOST_IN_FLIGHT;
  const tooMany = (path: Path, what: string): Problem[] => {
    const count = at(filled, path);
    return typeof cap === 'number' && typeof count === 'number' && count > cap
      ? [{ path, message: `${count} ${what} are more than client.maxInFlight (${cap}); raise the cap`, atKey: false }]
      : [];
  };
  return [...tooMany(['client', 'workers'], 'workers'), ...tooMany(['stages', 'benchmark', 'users'], 'users')];
}

/** What is not booted cannot be booted in turn. */
function besideExternal(filled: Readonly<Record<string, unknown>>): Problem[] {
  if (at(filled, ['deployment', 'kind']) !== 'external') return [];
  return (['against', 'onMissingBaseline'] as const)
    .map((field) => ['comparison', field])
    .filter((path) => at(filled, path) === 'interleaved')
    .map((path) => ({
      path,
      message: '"interleaved" boots both sides in turn, and deployment.kind external boots nothing; use kind: process',
      atKey: false,
    }));
}

function describe(problems: readonly Problem[], yaml: YamlFile, file: string): string[] {
  return problems
    .map(({ path, message, atKey }) => ({
      ...yaml.position(path, atKey),
      message,
      where: pathText(shownPath(path, atKey, message)),
    }))
    .sort((a, b) => a.line - b.line || a.column - b.column)
    .map(
      ({ line, column, where, message }) =>
        `${file}:${line}:${column} ${where === '' ? message : `${where}: ${message}`}`,
    );
}

/** An unknown key is a matter of its section; its own name stands in the message already. */
const shownPath = (path: Path, atKey: boolean, message: string): Path =>
  atKey && message.startsWith('unknown key') ? path.slice(0, -1) : path;

const masked = (line: string, secrets: readonly string[]): string =>
  secrets.reduce(
    (text, secret) => text.replaceAll(secret, '***').replaceAll(JSON.stringify(secret).slice(1, -1), '***'),
    line,
  );

const invalid = (lines: readonly string[]): PlimsollError =>
  new PlimsollError('CONFIG_INVALID', lines.join('\n'), {
    hint: 'docs/configuration.md explains every field; editors complete them with schema/plimsoll.schema.json.',
  });

const envMissing = (lines: readonly string[]): PlimsollError =>
  new PlimsollError('ENV_MISSING', lines.join('\n'), {
    hint: 'Set it for this step (in a workflow: `env: { NAME: ${{ secrets.NAME }} }`), or give a default with ${NAME:-default}.',
  });
