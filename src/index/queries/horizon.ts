/**
 * The horizon is the timestamp from which the history in an index is complete. A compaction drops
 * history that no timestamp within the retention needs, so the history before the horizon is
 * incomplete.
 *
 * The compaction writes the horizon to the log as `COMPACTED %(HORIZON unix-seconds)`, so a reindex
 * restores it.
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

/** Returns the horizon in unix seconds; 0 if nothing was ever dropped. */
export function horizon(index: IndexFile): number {
  return index.get<{ time: number }>('SELECT time FROM horizon')?.time ?? 0;
}
