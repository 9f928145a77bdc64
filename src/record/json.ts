// JSON that people can read and diff: sorted keys, one entry a line, and short lists and objects of plain values
// on one line.

const WIDTH = 120;

type Plain = null | boolean | number | string;

/**
 * The same value always gives the same text, in whatever order its keys were set. Undefined entries are left out.
 * @param first keys of the outermost object that go before all others
 * @throws TypeError for a number that JSON cannot hold (NaN, Infinity), naming where it stands
 */
export function readableJson(value: unknown, first: readonly string[] = []): string {
  return `${print(value, '', '', first)}\n`;
}

function print(value: unknown, indent: string, path: string, first: readonly string[] = []): string {
  if (isPlain(value)) return plain(value, path);
  const inner = `${indent}  `;
  const isList = Array.isArray(value);
  const entries = isList
    ? value.map((item, index) => [String(index), item] as const)
    : entriesOf(value as object, first);
  const [open, close] = isList ? '[]' : '{}';
  if (entries.length === 0) return `${open}${close}`;
  const at = (key: string) => (isList ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`);
  const label = (key: string) => (isList ? '' : `${JSON.stringify(key)}: `);
  if (entries.every(([, item]) => isPlain(item))) {
    const line = entries.map(([key, item]) => label(key) + plain(item as Plain, at(key))).join(', ');
    if (indent.length + line.length <= WIDTH) return isList ? `[${line}]` : `{ ${line} }`;
  }
  const lines = entries.map(([key, item]) => `${inner}${label(key)}${print(item, inner, at(key))}`);
  return `${open}\n${lines.join(',\n')}\n${indent}${close}`;
}

function entriesOf(value: object, first: readonly string[]): (readonly [string, unknown])[] {
  const rank = (key: string) => (first.includes(key) ? first.indexOf(key) : first.length);
  return Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .toSorted(([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : a > b ? 1 : 0));
}

const isPlain = (value: unknown): value is Plain => value === null || typeof value !== 'object';

function plain(value: Plain, path: string): string {
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new TypeError(`${path} is ${value}, which JSON cannot hold`);
  return JSON.stringify(value);
}
