// The comment for a run that could not be made: no verdict, and nothing that could be taken for one.

import { codeBlock, escapeMarkdown, inlineCode } from './escape.ts';
import type { FailureInput } from './input.ts';
import { reproduceCommand } from './story.ts';
import { TONES } from './tone.ts';

const LOG_LINES = 60;
const LOG_CHARACTERS = 12_000;

/** GitHub Markdown, well below the size of a comment whatever the log holds. */
export function renderFailure({ code, message, hint, deployment, configPath, logTail }: FailureInput): string {
  const tail = lastLines(logTail ?? '');
  const parts = [
    `### ${TONES.invalid.glyph} ${TONES.invalid.word} · ${escapeMarkdown(deployment, 120)}`,
    `**The run could not be made** (${inlineCode(code)}), so nothing was measured or compared.`,
    escapeMarkdown(message, 2_000),
    hint === undefined ? '' : `**What to do:** ${escapeMarkdown(hint, 1_000)}`,
    tail === ''
      ? ''
      : `<details>\n<summary>The last lines of the deployment's log</summary>\n\n${codeBlock(tail, 'text')}\n\n</details>`,
    `<details>\n<summary>How to reproduce it</summary>\n\n${codeBlock(reproduceCommand(configPath), 'sh')}\n\n</details>`,
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function lastLines(log: string): string {
  const lines = log.trimEnd().split('\n').slice(-LOG_LINES).join('\n');
  return lines.length <= LOG_CHARACTERS ? lines : `…${lines.slice(-LOG_CHARACTERS)}`;
}
