/** Compares two short texts line by line, for people to read. */

/**
 * Returns the lines that differ, with `-` (only in `before`) or `+` (only in `after`) in front.
 * Uses the longest common subsequence: quadratic, so only for files of a few hundred lines.
 */
export function differingLines(before: string, after: string): string[] {
  const [from, to] = [linesOf(before), linesOf(after)];
  const common = Array.from({ length: from.length + 1 }, () => new Uint32Array(to.length + 1));
  const at = (row: number, column: number): number => common[row]?.[column] ?? 0;
  for (let row = from.length - 1; row >= 0; row -= 1) {
    for (let column = to.length - 1; column >= 0; column -= 1) {
      const isSame = from[row] === to[column];
      const best = isSame ? at(row + 1, column + 1) + 1 : Math.max(at(row + 1, column), at(row, column + 1));
      (common[row] as Uint32Array)[column] = best;
    }
  }
  const result: string[] = [];
  let [row, column] = [0, 0];
  while (row < from.length || column < to.length) {
    if (row < from.length && column < to.length && from[row] === to[column])
      [row, column] = [row + 1, column + 1];
    else if (column >= to.length || (row < from.length && at(row + 1, column) >= at(row, column + 1))) {
      result.push(`-${from[row++]}`);
    } else result.push(`+${to[column++]}`);
  }
  return result;
}

const linesOf = (text: string): string[] => text.replace(/\n$/, '').split('\n');
