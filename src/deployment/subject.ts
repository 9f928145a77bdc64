// What is under test, as flat facts for people: they may differ between two runs, and the report shows how.
// Nothing secret: environment variables by name, commands masked.

import { resolve } from 'node:path';
import { ENGINES_TABLE } from '../config/engines.ts';
import type { Config } from '../config/schema.ts';
import type { Deployment } from './boot.ts';
import { runCommand } from './command.ts';
import { maskCommand, maskCommandLine, maskSecrets } from './mask.ts';
import { openTarget, type TargetClient } from './target.ts';

/** What can't be found out is null; nothing here fails a run. `subject:` of the configuration has the last word. */
export async function readSubject(
  config: Pick<Config, 'deployment' | 'secrets'>,
  deployment: Pick<Deployment, 'url' | 'headers' | 'ca'>,
  options: { readonly cwd: string },
): Promise<Record<string, string | number | boolean | null>> {
  const { engine, command, shell, env, subject, cwd } = config.deployment;
  const client = openTarget(deployment);
  try {
    const [engineVersion, models, git] = await Promise.all([
      readVersion(client, engine),
      readModels(client),
      readGit(resolve(options.cwd, cwd ?? '.')),
    ]);
    const facts = {
      engine,
      engineVersion,
      servedModel: models,
      command:
        command === undefined
          ? null
          : shell
            ? maskCommandLine(command.join(' '), config.secrets)
            : maskCommand(command, config.secrets),
      env: Object.keys(env).sort().join(' ') || null,
      commit: git.commit,
      dirty: git.dirty,
      ...subject,
    };
    // Whatever says it, a server's answer too: engines report their arguments.
    return Object.fromEntries(
      Object.entries(facts).map(([name, value]) => [
        name,
        typeof value === 'string' ? maskSecrets(value, config.secrets) : value,
      ]),
    );
  } finally {
    await client.close();
  }
}

const LIMIT_MS = 5_000;

async function readVersion(client: TargetClient, engine: keyof typeof ENGINES_TABLE): Promise<string | null> {
  const { versionPath, versionFields } = ENGINES_TABLE[engine];
  if (versionPath === null) return null;
  let value = await getJson(client, versionPath);
  for (const field of versionFields) value = fieldOf(value, field);
  return typeof value === 'string' || typeof value === 'number' ? shortText(String(value)) : null;
}

async function readModels(client: TargetClient): Promise<string | null> {
  const data = fieldOf(await getJson(client, '/v1/models'), 'data');
  if (!Array.isArray(data)) return null;
  const ids = data.map((model) => fieldOf(model, 'id')).filter((id) => typeof id === 'string');
  return ids.length > 0 ? shortText(ids.join(', ')) : null;
}

async function getJson(client: TargetClient, path: string): Promise<unknown> {
  const answer = await client.get(path, { timeoutMs: LIMIT_MS, maxBytes: 4_194_304 });
  if (answer.kind !== 'answer' || answer.status !== 200) return undefined;
  try {
    return JSON.parse(answer.text);
  } catch {
    return undefined;
  }
}

const fieldOf = (value: unknown, field: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, field)
    ? (value as Record<string, unknown>)[field]
    : undefined;
const shortText = (text: string): string => text.replaceAll(/\p{Cc}+/gu, ' ').slice(0, 300);

/** Untracked files do not count: the run's own output would make every tree dirty. */
async function readGit(cwd: string): Promise<{ commit: string | null; dirty: boolean | null }> {
  const git = async (...args: string[]) => {
    const result = await runCommand('git', args, { cwd, timeoutMs: 10_000 });
    return result.kind === 'done' && result.code === 0 ? result.stdout.trim() : null;
  };
  const commit = await git('rev-parse', 'HEAD');
  if (commit === null) return { commit: null, dirty: null };
  const changes = await git('status', '--porcelain', '--untracked-files=no');
  return { commit, dirty: changes === null ? null : changes !== '' };
}
