/**
 * How far back an index knows everything. A compaction drops what no moment of the retention needs, so what was before is known only in
 * part from then on. It says so in the log, `COMPACTED %(HORIZON unix-seconds)`, and a reindex comes to the same.
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

/** The first moment that is known whole, in unix seconds; 0 where nothing was ever dropped. */
export function horizon(index: IndexFile): number {
  return index.get<{ time: number }>('SELECT time FROM horizon')?.time ?? 0;
}
