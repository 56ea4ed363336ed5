/** Finds false flush points in an index: offsets at which inflating cannot start. */
import { isDamagedIndex } from '../../index/store/indexErrors.ts';
import type { IndexFile } from '../../index/store/indexFile.ts';
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
  const points = index.each<{ chunk: number; id: number; offset: number; place: number }>(
    `SELECT chunk.offset AS chunk, chunk.id AS id, point.offset AS offset, file_offset AS place
     FROM chunk JOIN point ON chunk_id = chunk.id WHERE point.offset < length ORDER BY chunk.offset, point.offset`,
  );
  for (const { chunk, id, offset, place } of points) {
    const isFound = folded.get(
      `SELECT 1 FROM chunk JOIN point ON chunk_id = chunk.id
       WHERE chunk.offset = ? AND point.offset = ? AND file_offset = ?`,
      chunk,
      offset,
      place,
    );
    if (isFound !== undefined || damaged.has(chunk)) continue;
    try {
      loadBlock(fd, blockAt(index, id, offset));
    } catch (error) {
      if (!(error instanceof BackupError) || isDamagedIndex(error)) throw error;
      yield `point ${chunk} ${offset}: cannot be read from: ${messageOf(error)}`;
    }
  }
}
