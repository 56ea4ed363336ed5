/**
 * Runs `work` on all pieces, at most `atATime` at once. Returns the results in the order of the
 * pieces.
 */
export async function runInParallel<T, R>(
  pieces: readonly T[],
  atATime: number,
  work: (piece: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (;;) {
      const index = next;
      next += 1;
      const piece = pieces[index];
      if (index >= pieces.length || piece === undefined) return;
      results[index] = await work(piece);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atATime, pieces.length) }, worker));
  return results;
}
