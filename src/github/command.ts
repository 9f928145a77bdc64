// The commands that a comment may give: the whole comment is one command, spelled exactly, or it is none.

export type Command = { readonly kind: 'accept'; readonly reason: string | null } | { readonly kind: 'rerun' };

export const COMMANDS =
  '`/plimsoll accept`, `/plimsoll accept REASON` (one line, at most 200 characters) or `/plimsoll rerun`';

const MOST_CHARACTERS = 200;

/** @returns null where the comment does not speak to Plimsoll, 'unknown' where it does and says nothing that it knows */
export function parseCommand(body: string): Command | 'unknown' | null {
  const text = body.replace(/[ \t\r\n]+$/, '');
  if (!/^\/plimsoll(?=\s|$)/.test(text)) return null;
  if (text === '/plimsoll rerun') return { kind: 'rerun' };
  if (text === '/plimsoll accept') return { kind: 'accept', reason: null };
  const reason = /^\/plimsoll accept (\S.*)$/u.exec(text)?.[1];
  if (reason === undefined || [...reason].length > MOST_CHARACTERS || /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(reason))
    return 'unknown';
  return { kind: 'accept', reason };
}
