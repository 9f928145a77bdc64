// Takes secrets out of text: known values (from the environment), and what looks like one in a command line.

/** Below this length a "secret" is a digit or a word, and masking it would only make messages unreadable. */
const SHORTEST = 4;

/** Replaces every secret by `***`, longest first, so that one inside another leaves no rest; line by line too. */
export function maskSecrets(text: string, secrets: readonly string[]): string {
  const values = secrets.flatMap((secret) => [secret, ...secret.split('\n')]).map((value) => value.trim());
  return values
    .filter((value) => value.length >= SHORTEST)
    .sort((a, b) => b.length - a.length)
    .reduce((masked, value) => masked.replaceAll(value, '***'), text);
}

/** A command for people, quoted as a shell would need it, without known secrets and the values of secret flags. */
export function maskCommand(command: readonly string[], secrets: readonly string[]): string {
  const words = command.map((word, index) => {
    const before = command[index - 1] ?? '';
    return before.startsWith('-') && namesSecret(before) && !word.startsWith('-') ? '***' : quote(maskPatterns(word));
  });
  return maskSecrets(words.join(' '), secrets);
}

/** The same for a line that is one text: a shell command, or another process's command line. */
export function maskCommandLine(line: string, secrets: readonly string[]): string {
  return maskSecrets(maskPatterns(line), secrets);
}

// `--api-key sk-…`, `HF_TOKEN=…`, `Authorization: Bearer …`, `https://user:password@host`.
function maskPatterns(text: string): string {
  return text
    .replaceAll(/\b(Bearer|Basic)\s+[^\s"']+/gi, '$1 ***')
    .replaceAll(/([a-z][a-z0-9+.-]*:\/\/)[^/\s@]+@/gi, '$1***@')
    .replaceAll(/([\w-]+)(=|\s+)("[^"]*"|'[^']*'|[^\s"'-][^\s"']*)/g, (whole, name: string, between: string) =>
      namesSecret(name) && (between === '=' || name.startsWith('-')) ? `${name}${between}***` : whole,
    );
}

// Singular: `--max-tokens 512` is a number that people compare.
const namesSecret = (name: string): boolean =>
  /(api[-_]?key|token|secret|password|passwd|credentials?|authorization)$/i.test(name);

const quote = (word: string): string =>
  word !== '' && /^[\w@%+=:,./*-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
