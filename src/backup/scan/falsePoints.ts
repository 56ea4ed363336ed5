/** Finds false flush points in an index: offsets at which inflating cannot start. */
import { isDamagedIndex } from '../../index/store/indexErrors.ts';
import type { IndexFile } from '../../index/store/indexFile.ts';
import { hasPoint, placedPoints } from '../../index/queries/points.ts';
import { BackupError, messageOf } from '../../errors.ts';
import { blockAt, loadBlock } from '../read/messageBytes.ts';

/**
 * Checks the index's flush points that the scan has not found itself. The data between two points
 * must inflate to exactly the expected length. Chunks that are known to be damaged are skipped.
 */
export function* falsePoints(
  index: IndexFile,
  folded: IndexFile,
  fd: number,
  damaged: ReadonlySet<number>,
): Generator<string> {
  for (const point of placedPoints(index)) {
    const { chunkId, chunkOffset: chunk, offset } = point;
    if (offset >= point.chunkLength || hasPoint(folded, point) || damaged.has(chunk)) continue;
    try {
      loadBlock(fd, blockAt(index, chunkId, offset));
    } catch (error) {
      if (!(error instanceof BackupError) || isDamagedIndex(error)) throw error;
      yield `point ${chunk} ${offset}: cannot be read from: ${messageOf(error)}`;
    }
  }
}
