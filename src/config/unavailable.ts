// What the schema knows and this version cannot do yet: the words are taken, so that a file keeps its meaning when
// they come. In: a configuration, as written or complete. Out: a problem for each, with its field.

import { PlimsollError } from '../errors.ts';
import { at, type Path, type Problem, pathText } from './problems.ts';
import type { Config } from './schema.ts';

const UNAVAILABLE: readonly { readonly path: Path; readonly values: readonly string[]; readonly instead: string }[] = [
  {
    path: ['deployment', 'kind'],
    values: ['container', 'compose', 'kubernetes'],
    instead: 'use process with a command that stays in the foreground (such as `docker run` without -d), or external',
  },
];

/** @param root of a configuration: what YAML gave, or a Config */
export function unavailable(root: unknown): readonly Problem[] {
  return UNAVAILABLE.flatMap(({ path, values, instead }): Problem[] => {
    const value = at(root, path);
    return typeof value === 'string' && values.includes(value)
      ? [{ path, message: `"${value}" is not available in this version; ${instead}`, atKey: false }]
      : [];
  });
}

/** For a Config that parseConfig did not make. @throws PlimsollError CONFIG_INVALID naming every such field */
export function refuseUnavailable(config: Config): void {
  const problems = unavailable(config);
  if (problems.length === 0) return;
  const file = config.file ?? 'configuration';
  throw new PlimsollError(
    'CONFIG_INVALID',
    problems.map(({ path, message }) => `${file}: ${pathText(path)}: ${message}`).join('\n'),
    { hint: 'docs/configuration.md says what each field takes.' },
  );
}
