// Whose rules judge: in a pull request (and in the merge queue) everything but the deployment comes from the base
// ref, read through git, so that no change can loosen the rules that it is judged by; the checkout must be the change.

import { realpathSync } from 'node:fs';
import { isAbsolute, join, posix, relative, resolve, sep } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type Base, readBase } from '../baseline/base.ts';
import { readAtRef, repositoryRoot } from '../baseline/git.ts';
import type { BaselineSource } from '../baseline/store.ts';
import { combineConfigs, configFolder, loadConfig, parseConfig } from '../config/load.ts';
import type { Config, SlaRule } from '../config/schema.ts';
import { PlimsollError } from '../errors.ts';
import { type BasePrompts, fetchBase, layBasePrompts, requireHead } from './checkout.ts';
import type { EventContext } from './event.ts';

export interface PolicyOptions {
  readonly event: EventContext;
  /** The checkout. */
  readonly cwd: string;
  /** As given: relative to cwd. */
  readonly configPath: string;
  readonly baselines: string;
  /** Overrides the event's base; empty = the event's. */
  readonly baseRef: string;
  /** The action's input; empty = none. */
  readonly token: string;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

export interface ResolvedPolicy {
  readonly config: Config;
  readonly baselines: BaselineSource;
  /** What an interleaved comparison boots beside the change. */
  readonly base: Base;
  /** For the report: "plimsoll.yml at main (3f2c1ab)". */
  readonly policySource: string;
  readonly policyChanges: readonly string[];
  readonly noPolicyAtBase: boolean;
}

/** @throws PlimsollError GIT_UNREACHABLE where the checkout is not the change or the base cannot be read; CONFIG_* where either side's file is wrong */
export async function resolvePolicy(options: PolicyOptions): Promise<ResolvedPolicy> {
  const { event, cwd, configPath, env } = options;
  const head = loadConfig(relative(process.cwd(), resolve(cwd, configPath)), { env });
  const baseRef = options.baseRef === '' ? event.baseRef : options.baseRef;
  if (baseRef === null) {
    return {
      config: head,
      baselines: { kind: 'directory', path: resolve(cwd, options.baselines) },
      base: { kind: 'none', ref: null, commit: null, problem: NO_BASE },
      policySource: `${configPath} of this checkout`,
      policyChanges: [],
      noPolicyAtBase: false,
    };
  }
  const repo = repositoryRoot(cwd);
  if (event.baseRef !== null) requireHead(repo, event);
  const { ref, name, path, where, baselines, text } = await openBase(repo, baseRef, options);
  const base = readBase({ repo, ref: name, commit: ref, path, env });
  if (text === null) {
    return {
      config: head,
      baselines,
      base,
      policySource: `${configPath} of the pull request, since ${where} has none`,
      policyChanges: [],
      noPolicyAtBase: true,
    };
  }
  const combined = combineConfigs(parseBase(text, configPath, where, env), head);
  const { config, changes } = withBaseFiles(combined.config, { repo, ref, folder: configFolder(configPath, cwd) });
  return {
    config: { ...config, sla: config.sla.map((rule) => ({ ...rule, line: lineIn(head, rule) })) },
    baselines,
    base,
    policySource: `${configPath} at ${where}`,
    policyChanges: [...combined.changes, ...changes],
    noPolicyAtBase: false,
  };
}

/**
 * The rules of a pull request's base alone: for a record that was made elsewhere. Of the change nothing is read.
 * @throws PlimsollError GIT_UNREACHABLE, also where the base has no rules
 */
export async function resolveBasePolicy(options: Omit<PolicyOptions, 'env'>): Promise<Omit<ResolvedPolicy, 'base'>> {
  const { event, cwd, configPath } = options;
  const baseRef = options.baseRef === '' ? event.baseRef : options.baseRef;
  const { where, baselines, text } = await openBase(repositoryRoot(cwd), baseRef ?? 'HEAD', options);
  if (text === null) {
    throw new PlimsollError('GIT_UNREACHABLE', `There is no ${configPath} at ${where}, so there are no rules.`, {
      hint: `Merge a ${configPath} first: rules that only the pull request has judge nothing here.`,
    });
  }
  const config = parseBase(text, configPath, where, {});
  return { config, baselines, policySource: `${configPath} at ${where}`, policyChanges: [], noPolicyAtBase: false };
}

interface OpenBase {
  /** Commit. */
  readonly ref: string;
  /** "main". */
  readonly name: string;
  /** Of the configuration, inside the repository. */
  readonly path: string;
  /** "main (3f2c1ab)". */
  readonly where: string;
  readonly baselines: BaselineSource;
  /** Of the configuration; null = there is none. */
  readonly text: string | null;
}

async function openBase(repo: string, baseRef: string, options: Omit<PolicyOptions, 'env'>): Promise<OpenBase> {
  const { event, cwd, configPath, token, signal } = options;
  const ref = await fetchBase(repo, baseRef, {
    known: options.baseRef === '' ? event.baseSha : null,
    token,
    serverUrl: event.serverUrl,
    signal,
  });
  const name = baseRef.replace(/^refs\/heads\//, '');
  const path = inRepository(repo, cwd, configPath);
  return {
    ref,
    name,
    path,
    where: `${name} (${ref.slice(0, 7)})`,
    baselines: { kind: 'git', repo, ref, path: inRepository(repo, cwd, options.baselines) },
    text: readAtRef(repo, ref, path),
  };
}

const NO_BASE = 'this job has no base: it is for no pull request, and the input base-ref is empty';

/** Where the change's file has the base's rule: an annotation stands in the change's. Null where it has it no more. */
function lineIn(head: Config, { line: _, ...rule }: SlaRule): number | null {
  return head.sla.find(({ line: _, ...own }) => isDeepStrictEqual(own, rule))?.line ?? null;
}

interface BaseFiles {
  readonly repo: string;
  readonly ref: string;
  readonly folder: string;
}

/** The files that the base's rules name, as they are at the base: what is sent is as much a rule as how much of it. */
function withBaseFiles(
  config: Config,
  base: BaseFiles,
): { readonly config: Config; readonly changes: readonly string[] } {
  const { workload, stages } = config;
  const { prompts } = workload;
  const { benchmark } = stages;
  const laidPrompts = prompts.kind === 'synthetic' ? null : baseFile(prompts.file, base);
  const laidTrace = benchmark?.replay === undefined ? null : baseFile(benchmark.replay.file, base);
  return {
    config: {
      ...config,
      ...(laidPrompts && {
        workload: { ...workload, prompts: { ...prompts, file: laidPrompts.file } as typeof prompts },
      }),
      ...(laidTrace && {
        stages: { ...stages, benchmark: { ...benchmark!, replay: { ...benchmark!.replay!, file: laidTrace.file } } },
      }),
    },
    changes: [
      ...(laidPrompts?.changed ? [`workload.prompts.file: another content of ${laidPrompts.named}`] : []),
      ...(laidTrace?.changed ? [`stages.benchmark.replay.file: another content of ${laidTrace.named}`] : []),
    ],
  };
}

function baseFile(file: string, { repo, ref, folder }: BaseFiles): (BasePrompts & { readonly named: string }) | null {
  const named = isAbsolute(file) ? file : join(realpathSync(folder), file);
  const path = relative(realpathSync(repo), named).split(sep).join('/');
  // A file of the machine: no change of the repository reaches it.
  if (path.startsWith('../')) return null;
  const laid = layBasePrompts(repo, ref, path);
  return laid && { ...laid, named: file };
}

/** A base whose rules are broken has no rules to judge by: that is invalid, not the pull request's wrong input. */
function parseBase(text: string, configPath: string, where: string, env: PolicyOptions['env']): Config {
  try {
    // The base's deployment is not started, so what it needs from the environment may be missing.
    return parseConfig(text, { file: configPath, env, allowMissingEnv: true });
  } catch (error) {
    if (!(error instanceof PlimsollError)) throw error;
    throw new PlimsollError('GIT_UNREACHABLE', `The rules at ${where} cannot be used: ${error.message}`, {
      hint: `Correct ${configPath} on the base branch first; until then nothing can be judged by it.`,
      cause: error,
    });
  }
}

/** @returns the path from the repository's root, with `/` */
function inRepository(repo: string, cwd: string, path: string): string {
  const inside = relative(realpathSync(repo), isAbsolute(path) ? path : join(realpathSync(cwd), path))
    .split(sep)
    .join('/');
  if (inside === '' || inside === '..' || inside.startsWith('../') || isAbsolute(inside)) {
    throw new PlimsollError(
      'USAGE',
      `"${path}" is not inside the repository ${repo}, so the base's version of it cannot be read.`,
      { hint: 'Give paths inside the checkout.' },
    );
  }
  return posix.normalize(inside);
}

/** The same where it need not be: null for what no repository holds. */
export function pathInRepository(cwd: string, path: string): string | null {
  try {
    return inRepository(repositoryRoot(cwd), cwd, path);
  } catch {
    return null;
  }
}
