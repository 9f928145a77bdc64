// The border between text from outside (servers, files, forks) and what reports are written in. Every such text
// passes here once, on its way into Markdown, HTML or the terminal; nothing else in this room escapes anything.

/**
 * Text for one Markdown line or table cell: shows the characters, does nothing. No emphasis, link, autolink, image,
 * HTML, comment, mention, issue reference, emoji code, formula, list, heading, fence or cell border can start in it.
 * Backslashes for what the parser reads, entities for what is read before it ($, <), and a zero-width space for what
 * GitHub reads after it, in the rendered text (@, #1, GH-1, :code:), where no Markdown escape helps.
 */
export function escapeMarkdown(text: string, limit = 400): string {
  return clip(clean(text), limit).replace(ACTIVE, (match) => {
    if (ENTITIES[match]) return ENTITIES[match];
    if (/^\d/.test(match)) return `${match.slice(0, -1)}\\${match.slice(-1)}`;
    const seen = /^[a-z@:]/i.test(match) ? match : `\\${match}`;
    return /[a-z@:#]/i.test(match) ? `${seen}${ZERO_WIDTH}` : seen;
  });
}

/**
 * Text as an inline code span, in or out of a table. Not lossless: backticks and bars, for which no spelling is safe
 * in both places, become look-alikes.
 */
export function inlineCode(text: string, limit = 200): string {
  const inside = breakTags(clip(clean(text), limit))
    .replaceAll('`', 'ˋ')
    .replaceAll('|', '¦');
  return inside === '' ? '(empty)' : `\`${inside}\``;
}

/** Lines as a fenced block that they cannot leave. */
export function codeBlock(text: string, language = ''): string {
  const lines = text
    .split(/\r\n|[\r\n\u2028\u2029]/)
    .map((line) => breakTags(indented(line)).replaceAll('```', 'ˋˋˋ').replaceAll('~~~', '˜˜˜'));
  return `\`\`\`${language}\n${lines.join('\n')}\n\`\`\``;
}

/** Text for an HTML text node or a quoted attribute. */
export function escapeHtml(text: string, limit = 4_000): string {
  return clip(clean(text), limit).replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}

/** Text for a terminal: no escape sequence, no line break. */
export function escapeTerminal(text: string, limit = 400): string {
  return clip(clean(text), limit);
}

/** In order: HTML and formulas, inline marks, list and heading at the start, references, emoji, addresses. */
const ACTIVE = /[&<>$]|[\\`*_[\]|~]|^[-+=](?!\d)|^\d+[.)](?=\s|$)|#|@|:(?=[a-z_+\-/])|\bGH-(?=\d)|\bwww(?=\.)/gi;
const ZERO_WIDTH = '&#8203;';
const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  $: '&#36;',
};

/**
 * One line, without what is invisible or moves text about (controls, bidirectional overrides, zero-width
 * characters), and without the marks that only a clean verdict may carry.
 */
function clean(text: string): string {
  return text
    .toWellFormed()
    .replace(/\p{Cc}\[[0-?]*[ -/]*[@-~]/gu, '')
    .replace(/[\p{Zl}\p{Zp}\t\n\r\v\f]+/gu, ' ')
    .replace(/[\p{Cc}\p{Cf}\p{Co}]/gu, '')
    .replace(/[✅✓✔☑🟢🟩💚]\ufe0f?/gu, '□')
    .trim();
}

/** A log's indentation means something; `clean` trims. */
const indented = (line: string): string => `${/^ */.exec(line)![0]}${clean(line)}`;

function clip(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const characters = [...text];
  return characters.length <= limit ? text : `${characters.slice(0, limit - 1).join('')}…`;
}

/** Inside code nothing is parsed, but whoever searches the raw body must not find a comment or a closing tag either. */
const breakTags = (text: string): string => text.replace(/<(?=[a-z/!?])/gi, '<\u200b');
