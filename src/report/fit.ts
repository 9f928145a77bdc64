// Makes a report fit its medium: sections give way in a stated order, each from one whole rendering to the next
// smaller whole one, so that nothing is ever cut inside a table, a fence or a fold.

export interface Section {
  /** How the note calls it when it had to give way. */
  readonly name: string;
  /** From fullest to smallest; '' means left out. */
  readonly renderings: readonly string[];
  /** Higher gives way earlier; 0 never does. */
  readonly yields: number;
}

const encoder = new TextEncoder();
export const byteLength = (text: string): number => encoder.encode(text).length;

/**
 * Joins sections in their order, in at most `budget` bytes of UTF-8 as long as those that never give way fit.
 * @param noteOf the sentence about what was shortened, from the names of the sections
 */
export function fit(
  sections: readonly Section[],
  budget: number,
  noteOf: (names: readonly string[]) => string,
): string {
  const level = sections.map(() => 0);
  const text = (): string => {
    const shortened = sections.filter((_, index) => level[index]! > 0).map(({ name }) => name);
    const parts = sections.map(({ renderings }, index) => renderings[level[index]!] ?? '');
    return `${[...parts, shortened.length > 0 ? noteOf(shortened) : ''].filter((part) => part !== '').join('\n\n')}\n`;
  };
  const order = sections
    .map((_, index) => index)
    .filter((index) => sections[index]!.yields > 0)
    .sort((a, b) => sections[b]!.yields - sections[a]!.yields);
  let current = text();
  for (const index of order) {
    while (byteLength(current) > budget && level[index]! < sections[index]!.renderings.length - 1) {
      level[index]! += 1;
      current = text();
    }
  }
  return current;
}
