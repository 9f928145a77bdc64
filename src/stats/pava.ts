// Isotonic regression: the non-decreasing sequence nearest to the values in weighted least squares.
// Pool adjacent violators (Ayer et al. 1955; Barlow, Bartholomew, Bremner & Brunk 1972, chapter 1).

/**
 * Weighted isotonic (non-decreasing) fit, in O(n).
 * @param values in the order in which they should rise
 * @param weights positive, one per value; default: all equal
 * @returns the fitted values, as long as `values`
 * @throws RangeError where the lengths differ or a weight is not positive
 */
export function pava(values: readonly number[], weights: readonly number[] = values.map(() => 1)): number[] {
  if (weights.length !== values.length)
    throw new RangeError(`pava: ${values.length} values, ${weights.length} weights`);
  const blocks: Block[] = [];
  for (const [index, value] of values.entries()) {
    const weight = weights[index]!;
    if (!(weight > 0)) throw new RangeError(`pava: weight ${index} is ${weight}, expected a positive number`);
    let block: Block = { mean: value, weight, length: 1 };
    for (let last = blocks.at(-1); last !== undefined && last.mean >= block.mean; last = blocks.at(-1)) {
      blocks.pop();
      block = merged(last, block);
    }
    blocks.push(block);
  }
  return blocks.flatMap((block) => new Array<number>(block.length).fill(block.mean));
}

interface Block {
  readonly mean: number;
  readonly weight: number;
  readonly length: number;
}

function merged(left: Block, right: Block): Block {
  const weight = left.weight + right.weight;
  return {
    mean: left.mean + (right.mean - left.mean) * (right.weight / weight),
    weight,
    length: left.length + right.length,
  };
}
