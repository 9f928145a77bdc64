// ${NAME} and ${NAME:-default} in the deployment section. In: the parsed section and an environment. Out: the
// section with values in place, what must be masked, and what could not be filled.

export interface Substituted {
  readonly value: unknown;
  /** Values that came from the environment and are long enough to be masked without blotting out everything. */
  readonly secrets: readonly string[];
  readonly names: readonly string[];
  readonly problems: readonly {
    readonly path: readonly (string | number)[];
    readonly message: string;
    readonly missing: boolean;
  }[];
}

const SHORTEST_SECRET = 4;
/** An escaped `$${` or `\${`, a placeholder, or a `${` that is neither. */
const PLACEHOLDER = /(?:\$\$|\\\$)\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{/g;

/**
 * Fills every text below `value`; keys stay as they are, and so do values after they were put in.
 * @param root path of `value` in the configuration
 * @param allowMissing puts the name of an unset variable in its place, for readers who start no deployment
 */
export function substitute(
  value: unknown,
  env: NodeJS.ProcessEnv,
  root: readonly (string | number)[],
  allowMissing: boolean,
): Substituted {
  const secrets = new Set<string>();
  const names = new Set<string>();
  const problems: Substituted['problems'][number][] = [];

  const fill = (text: string, path: readonly (string | number)[]): string =>
    text.replace(PLACEHOLDER, (found: string, name: string | undefined, fallback: string | undefined) => {
      if (found === '$${' || found === '\\${') return '${';
      if (name === undefined) {
        const message = `${JSON.stringify(text)} has a "\${" that is not a variable; write \${NAME} or \${NAME:-default}, or "$\${" for a literal "\${"`;
        problems.push({ path, message, missing: false });
        return found;
      }
      const given = env[name];
      if (given === undefined || (given === '' && fallback !== undefined)) {
        if (fallback !== undefined) return fallback;
        if (allowMissing) return name;
        problems.push({ path, message: `the environment variable ${name} is not set`, missing: true });
        return '';
      }
      names.add(name);
      if (given.length >= SHORTEST_SECRET) secrets.add(given);
      return given;
    });
  const walk = (node: unknown, path: readonly (string | number)[]): unknown => {
    if (typeof node === 'string') return fill(node, path);
    if (Array.isArray(node)) return node.map((item, index) => walk(item, [...path, index]));
    if (typeof node !== 'object' || node === null) return node;
    return Object.fromEntries(Object.entries(node).map(([key, item]) => [key, walk(item, [...path, key])]));
  };

  return { value: walk(value, root), secrets: [...secrets], names: [...names], problems };
}
