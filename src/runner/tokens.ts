// What only the engine knows about tokens, asked once it is ready and before any load: how long a request it takes, and
// how much synthetic text makes one token of its tokenizer.

import { ENGINES_TABLE } from '../config/engines.ts';
import type { Config } from '../config/schema.ts';
import { type Answer, openTarget, type Target } from '../deployment/target.ts';
import { PlimsollError } from '../errors.ts';
import type { LoadPlan } from '../load/plan.ts';
import { createRandom, deriveSeed } from '../stats/random.ts';
import { createPromptWriter } from '../workload/prompts.ts';
import type { RequestLength, UnitsPerToken } from '../workload/source.ts';
import type { Language } from '../workload/words.ts';
import { openWorkload } from '../workload/workload.ts';

const LIMIT_MS = 60_000;
const ANSWER_BYTES = 16_777_216;

/**
 * Refuses a stage whose longest request is past the context of the model, where the engine tells it
 * (`max_model_len` of `/v1/models`: vLLM, SGLang). Lengths are taken as configured.
 * @throws PlimsollError WORKLOAD_INVALID
 */
export async function checkContext(
  target: Target,
  config: Pick<Config, 'workload' | 'deployment'>,
  plan: LoadPlan,
  baseDir: string,
  signal?: AbortSignal,
): Promise<void> {
  const limit = await withClient(target, signal, (ask) => readContext(ask, config.workload.model));
  if (limit === null) return;
  const workload = openWorkload({
    config: config.workload,
    engine: config.deployment.engine,
    baseDir,
    stage: plan.stage,
  });
  const { promptTokens, outputTokens } = longestOf(plan) ?? workload.longest();
  if (promptTokens + outputTokens <= limit) return;
  throw new PlimsollError(
    'WORKLOAD_INVALID',
    `${plan.stage} may ask for ${promptTokens} prompt tokens and ${outputTokens} output tokens in one request, ${promptTokens + outputTokens} together; ${config.workload.model} is served with a context of ${limit} tokens`,
    {
      hint: 'Lower the upper bounds of workload.prompts and workload.output, take another file, or serve the model with a larger context (vLLM: --max-model-len, SGLang: --context-length).',
    },
  );
}

async function readContext(ask: Ask, model: string): Promise<number | null> {
  const answer = await ask('/v1/models', null);
  const { data } = jsonOf(answer) as { readonly data?: unknown };
  const models = (Array.isArray(data) ? data : []) as { readonly id?: unknown; readonly max_model_len?: unknown }[];
  const limit = models.find((each) => each?.id === model)?.max_model_len;
  return typeof limit === 'number' && limit > 0 ? limit : null;
}

/** Of the requests that a plan replays; null = it replays none. */
function longestOf(plan: LoadPlan): RequestLength | null {
  let longest: RequestLength | null = null;
  for (const { load } of plan.phases) {
    if (load.kind !== 'replay') continue;
    const { promptTokens: prompts, outputTokens: outputs } = load.trace;
    for (let i = load.first; i < load.first + load.requests; i++) {
      const [promptTokens, outputTokens] = [prompts[i]!, outputs[i]!];
      if (longest === null || promptTokens + outputTokens > longest.promptTokens + longest.outputTokens)
        longest = { promptTokens, outputTokens };
    }
  }
  return longest;
}

/** Long enough that what a chat template or a first token adds is rounding. */
const SAMPLE_UNITS = 2_000;
/** Without a tokenizer two prompts are sent, and what they both have besides their text falls out of the difference. */
const SHORT_UNITS = 100;
const LONG_UNITS = 900;

/**
 * Units of text (words, CJK characters, punctuation marks) a token, for each language of synthetic prompts: by the
 * engine's `/tokenize`, else by the `usage` of two short answers.
 * @throws PlimsollError WORKLOAD_INVALID where it counts tokens in neither way
 */
export function calibrate(
  target: Target,
  { workload, deployment }: Pick<Config, 'workload' | 'deployment'>,
  signal?: AbortSignal,
): Promise<UnitsPerToken> {
  const languages = workload.prompts.kind === 'synthetic' ? workload.prompts.languages : [];
  return withClient(target, signal, async (ask) => {
    const units: Record<string, number> = {};
    for (const language of new Set(languages)) {
      const tokens =
        (await tokenized(ask, deployment.engine, workload.model, language)) ?? (await counted(ask, workload, language));
      // Six digits: enough for any length, and the same in every file.
      units[language] = Number((1 / tokens).toPrecision(6));
    }
    return units;
  });
}

const textOf = (language: Language, units: number): string =>
  createPromptWriter(language).write(units, createRandom(deriveSeed('calibration', language, units)), 'warmup');

/** Tokens a unit; null where the engine does not tokenize for others. */
async function tokenized(
  ask: Ask,
  engine: Config['deployment']['engine'],
  model: string,
  language: Language,
): Promise<number | null> {
  const { tokenize } = ENGINES_TABLE[engine];
  if (tokenize === null) return null;
  const body = { model, [tokenize.field]: textOf(language, SAMPLE_UNITS) };
  const answer = jsonOf(await ask(tokenize.path, body));
  const tokens = Array.isArray(answer) ? answer : (answer as { readonly tokens?: unknown }).tokens;
  return Array.isArray(tokens) && tokens.length > 0 ? tokens.length / SAMPLE_UNITS : null;
}

async function counted(ask: Ask, { api, model }: Config['workload'], language: Language): Promise<number> {
  const tokensOf = async (units: number): Promise<number> => {
    const text = textOf(language, units);
    const [path, body] =
      api === 'completions'
        ? ['/v1/completions', { model, prompt: text, max_tokens: 1 }]
        : ['/v1/chat/completions', { model, messages: [{ role: 'user', content: text }], max_tokens: 1 }];
    const answer = await ask(path, body);
    const { usage } = jsonOf(answer) as { readonly usage?: { readonly prompt_tokens?: unknown } };
    if (typeof usage?.prompt_tokens === 'number') return usage.prompt_tokens;
    const why = answer.kind === 'failed' ? answer.reason : `HTTP ${answer.status}, without usage.prompt_tokens`;
    throw uncounted(`${path}: ${why}`);
  };
  const tokens = (await tokensOf(LONG_UNITS)) - (await tokensOf(SHORT_UNITS));
  if (tokens <= 0) throw uncounted('a prompt nine times as long has no more tokens');
  return tokens / (LONG_UNITS - SHORT_UNITS);
}

const uncounted = (why: string): PlimsollError =>
  new PlimsollError('WORKLOAD_INVALID', `The engine does not say how many tokens a text has (${why})`, {
    hint: 'Take workload.prompts.calibrate out: lengths are then words, characters and punctuation marks.',
  });

/** {} where there is no JSON. */
function jsonOf(answer: Answer): object {
  if (answer.kind !== 'answer' || answer.status !== 200) return {};
  try {
    const value: unknown = JSON.parse(answer.text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

type Ask = (path: string, body: object | null) => Promise<Answer>;

async function withClient<T>(
  target: Target,
  signal: AbortSignal | undefined,
  use: (ask: Ask) => Promise<T>,
): Promise<T> {
  // `url: http://host/v1` is as common as `http://host`, and `/tokenize` is not below `/v1`.
  const client = openTarget({ ...target, url: target.url.replace(/\/v1\/?$/, '') });
  const options = { timeoutMs: LIMIT_MS, maxBytes: ANSWER_BYTES, signal };
  try {
    return await use((path, body) => (body === null ? client.get(path, options) : client.post(path, body, options)));
  } finally {
    await client.close();
  }
}
