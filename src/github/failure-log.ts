// The log that tells why a run could not be made, among those of the out folder.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { lastLines } from '../deployment/log.ts';
import { maskSecrets } from '../deployment/mask.ts';
import { EXIT, type PlimsollError } from '../errors.ts';

const LINES = 60;

/** Last lines of the build's log or of the newest boot's, masked; undefined where the failure has no log. */
export function failureLog(
  failure: Pick<PlimsollError, 'code' | 'exitCode'>,
  out: string,
  secrets: readonly string[],
): string | undefined {
  if (failure.exitCode !== EXIT.notReady) return undefined;
  const name = failure.code === 'BUILD_FAILED' ? 'deployment-build.log' : newestBoot(out);
  if (name === undefined) return undefined;
  const lines = lastLines(join(out, name), LINES, (line) => maskSecrets(line, secrets));
  return lines.length === 0 ? undefined : lines.join('\n');
}

function newestBoot(out: string): string | undefined {
  let names: string[];
  try {
    names = readdirSync(out);
  } catch {
    return undefined;
  }
  const boots = names.flatMap((name) => /^deployment-(\d+)\.log$/.exec(name)?.[1] ?? []).map(Number);
  return boots.length === 0 ? undefined : `deployment-${Math.max(...boots)}.log`;
}
