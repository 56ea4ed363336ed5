/**
 * Queries for flush points: the places in a chunk and in the file from which inflating can start.
 */
import type { IndexFile } from '../store/indexFile.ts';
import { chunkColumns } from './current.ts';
import type { Chunk } from '../types.ts';
import type { FlushPoint } from '../../log/format.ts';

/** Returns a chunk's flush points in order. */
export function pointsOfChunk(index: IndexFile, chunkId: number): FlushPoint[] {
  return index.all<FlushPoint>(
    'SELECT offset, file_offset AS fileOffset FROM point WHERE chunk_id = ? ORDER BY offset',
    chunkId,
  );
}

/**
 * A chunk with the two flush points nearest to an uncompressed offset: the last at or before the
 * offset, and the first after it.
 */
export interface ChunkAround {
  readonly chunk: Chunk;
  readonly before: FlushPoint | undefined;
  readonly after: FlushPoint | undefined;
}

export function chunkAround(index: IndexFile, id: number, offset: number): ChunkAround | undefined {
  const row = index.get<Chunk & Record<'before' | 'beforeAt' | 'after' | 'afterAt', number | null>>(
    `SELECT found.*, before.offset AS before, before.file_offset AS beforeAt,
            after.offset AS after, after.file_offset AS afterAt
     FROM (SELECT ${chunkColumns} FROM chunk WHERE id = ?) AS found
     LEFT JOIN point AS before ON before.chunk_id = found.id AND before.offset =
       (SELECT max(offset) FROM point WHERE chunk_id = found.id AND offset <= ?)
     LEFT JOIN point AS after ON after.chunk_id = found.id AND after.offset =
       (SELECT min(offset) FROM point WHERE chunk_id = found.id AND offset > ?)`,
    id,
    offset,
    offset,
  );
  if (row === undefined) return undefined;
  return { chunk: row, before: pointOf(row.before, row.beforeAt), after: pointOf(row.after, row.afterAt) };
}

/** Returns a chunk's flush points from an offset on. */
export function pointsFrom(index: IndexFile, chunkId: number, offset: number, limit: number): FlushPoint[] {
  return index.all<FlushPoint>(
    `SELECT offset, file_offset AS fileOffset FROM point WHERE chunk_id = ? AND offset >= ? ORDER BY offset LIMIT ${limit}`,
    chunkId,
    offset,
  );
}

function pointOf(offset: number | null, fileOffset: number | null): FlushPoint | undefined {
  return offset === null || fileOffset === null ? undefined : { offset, fileOffset };
}
