// YAML text with positions. In: text. Out: the plain value, the place of any path in the text, and what the YAML
// itself gets wrong.

import { isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument } from 'yaml';
import type { Path } from './problems.ts';

export interface Position {
  readonly line: number;
  readonly column: number;
}
export interface YamlFile {
  readonly value: unknown;
  readonly errors: readonly (Position & { readonly message: string })[];
  /** Of the value at `path` (or its key), or of the nearest place above it that exists; 1-based. */
  position(path: Path, atKey: boolean): Position;
}

export function readYaml(text: string): YamlFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const place = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const errors = [...document.errors, ...document.warnings].map((problem) => ({
    ...place(problem.pos[0]),
    message: wording(problem),
  }));
  let value: unknown;
  try {
    value = errors.length === 0 ? document.toJS() : undefined;
  } catch (error) {
    errors.push({ line: 1, column: 1, message: (error as Error).message }); // aliases that unfold beyond all measure
  }
  return {
    value,
    errors,
    position(path, atKey) {
      let node = document.contents as Node | null;
      let offset = node?.range?.[0] ?? 0;
      for (const [depth, part] of path.entries()) {
        if (isMap(node)) {
          const pair = node.items.find((item) => keyOf(item) === String(part));
          if (pair === undefined) break;
          const key = pair.key as Node | null;
          node = pair.value as Node | null;
          const wanted = (atKey && depth === path.length - 1) || !node?.range || isMap(node) ? key : node;
          offset = wanted?.range?.[0] ?? offset;
        } else if (isSeq(node)) {
          node = (node.items[Number(part)] as Node | undefined) ?? null;
          if (node === null) break;
          offset = node.range?.[0] ?? offset;
        } else break;
      }
      return place(offset);
    },
  };
}

const keyOf = (pair: Pair): string => (isScalar(pair.key) ? String(pair.key.value) : String(pair.key));

function wording({ code, message }: { readonly code: string; readonly message: string }): string {
  switch (code) {
    case 'DUPLICATE_KEY':
      return 'this key stands twice in its section; keep one';
    case 'TAB_AS_INDENT':
      return 'a tab indents this line; YAML takes spaces only';
    case 'MULTIPLE_DOCS':
      return 'a second document begins here; a configuration is one document';
    default:
      return `not YAML: ${message}`;
  }
}
