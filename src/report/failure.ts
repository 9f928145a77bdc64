// The comment for a run that could not be made: no verdict, and nothing that could be taken for one.

import { codeBlock, escapeMarkdown, inlineCode } from './escape.ts';
import type { FailureInput } from './input.ts';
import { reproduceCommand } from './story.ts';
import { TONES } from './tone.ts';

const LOG_LINES = 60;
const LOG_CHARACTERS = 12_000;
const MESSAGE_LINES = 40;
const MESSAGE_CHARACTERS = 3_000;

/** GitHub Markdown, well below the size of a comment whatever the log holds. */
export function renderFailure({ code, message, hint, deployment, configPath, logTail }: FailureInput): string {
  const tail = lastLines(logTail ?? '');
  const [first, rest] = split(message, tail !== '');
  const parts = [
    `### ${TONES.invalid.glyph} ${TONES.invalid.word} · ${escapeMarkdown(deployment, 120)}`,
    `**The run could not be made** (${inlineCode(code)}), so nothing was measured or compared.`,
    escapeMarkdown(first, 2_000),
    rest === '' ? '' : codeBlock(rest, 'text'),
    hint === undefined ? '' : `**What to do:** ${escapeMarkdown(hint, 1_000)}`,
    tail === ''
      ? ''
      : `<details>\n<summary>The last lines of the deployment's log</summary>\n\n${codeBlock(tail, 'text')}\n\n</details>`,
    // No file system takes a longer path.
    configPath.length > 4_096
      ? ''
      : `<details>\n<summary>How to reproduce it</summary>\n\n${codeBlock(reproduceCommand(configPath, null), 'sh')}\n\n</details>`,
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

/** The first line, and the rest as it stands; the log that it quotes goes where it is shown anyway. */
function split(message: string, logShown: boolean): readonly [string, string] {
  const [first = '', ...lines] = message.trim().split(/\r?\n/);
  const quoted = lines.findIndex((line) => line.startsWith('Last lines of its log'));
  const kept =
    logShown && quoted >= 0 ? lines.filter((line, at) => at < quoted || (at > quoted && !/^ {2}\|/.test(line))) : lines;
  const shown =
    kept.length <= MESSAGE_LINES
      ? kept
      : [...kept.slice(0, MESSAGE_LINES), `… and ${kept.length - MESSAGE_LINES} lines more`];
  const rest = shown.join('\n');
  return [first, rest.length <= MESSAGE_CHARACTERS ? rest : `${rest.slice(0, MESSAGE_CHARACTERS)}…`];
}

function lastLines(log: string): string {
  const lines = log.trimEnd().split('\n').slice(-LOG_LINES).join('\n');
  return lines.length <= LOG_CHARACTERS ? lines : `…${lines.slice(-LOG_CHARACTERS)}`;
}
