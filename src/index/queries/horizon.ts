/**
 * The horizon: the timestamp from which an index knows everything. A compaction drops what no later
 * timestamp within the retention needs. What was before is then known only in part.
 *
 * The compaction writes the horizon to the log as `COMPACTED %(HORIZON unix-seconds)`, so a reindex
 * yields the same.
 */
import type { FoldContext } from '../fold/fold.ts';
import type { IndexFile } from '../store/indexFile.ts';
import type { FoldLine } from '../types.ts';
import { getNumber, toKeyValues } from '../../protocol/dlist.ts';

export const HORIZON_LINE = 'COMPACTED';

export function foldHorizon({ index }: FoldContext, line: FoldLine): void {
  const time = getNumber(toKeyValues(line.value, line.name), 'HORIZON');
  index.run('UPDATE horizon SET time = max(time, ?)', time);
}

/**
 * Returns the first timestamp that is known completely, in unix seconds; 0 if nothing was ever
 * dropped.
 */
export function horizon(index: IndexFile): number {
  return index.get<{ time: number }>('SELECT time FROM horizon')?.time ?? 0;
}
