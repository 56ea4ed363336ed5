/** Finds the known names that a mistyped word was probably meant to be. */

/** The most letters that may differ, for a word of this length. */
const mostEdits = (length: number): number => Math.min(2, Math.floor(length / 3));

/**
 * Returns the nearest names, at most two; none if nothing is near. A word that is the beginning of
 * a name, but for a letter or two, counts as near.
 */
export function nearest(word: string, names: readonly string[]): string[] {
  const typed = word.replace(/^-+/, '').toLowerCase();
  if (typed.length < 2) return [];
  const ranked = names
    .map((name) => ({ name, far: distance(typed, name.replace(/^-+/, '').toLowerCase()) }))
    .filter(({ far }) => far < mostEdits(typed.length) + 1);
  const least = Math.min(...ranked.map(({ far }) => far));
  return ranked
    .filter(({ far }) => far === least)
    .slice(0, 2)
    .map(({ name }) => name);
}

/** Half an edit more for a name that goes on: the whole name wins over a longer one. */
function distance(typed: string, name: string): number {
  const start = name.slice(0, typed.length);
  return Math.min(edits(typed, name), edits(typed, start) + (start === name ? 0 : 0.5));
}

/** The number of letters to insert, remove, replace or swap with their neighbour (Damerau). */
function edits(from: string, to: string): number {
  const rows: number[][] = [Array.from({ length: to.length + 1 }, (_, column) => column)];
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const isSame = from[row - 1] === to[column - 1];
      const above = rows[row - 1] ?? [];
      let least = Math.min(
        (above[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (above[column - 1] ?? 0) + (isSame ? 0 : 1),
      );
      const isSwapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      if (row > 1 && column > 1 && isSwapped) {
        least = Math.min(least, (rows[row - 2]?.[column - 2] ?? 0) + 1);
      }
      current.push(least);
    }
    rows.push(current);
  }
  return rows.at(-1)?.at(-1) ?? 0;
}

/** Formats the nearest names as the end of a message: `: did you mean --force?`, or ''. */
export function suggestion(typed: string, names: readonly string[]): string {
  const near = nearest(typed, names);
  return near.length === 0 ? '' : `: did you mean ${near.join(' or ')}?`;
}
