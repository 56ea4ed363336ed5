/**
 * Queries for flush points, the places in a chunk and in the file from which inflating can start,
 * and the statements that write their rows.
 */
import type { IndexFile } from '../store/indexFile.ts';
import { chunkColumns } from './chunks.ts';
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

/** A flush point with the place of its chunk in the file. */
export interface PlacedPoint {
  readonly chunkId: number;
  readonly chunkOffset: number;
  /** The chunk's length after decompression. */
  readonly chunkLength: number;
  readonly offset: number;
  readonly fileOffset: number;
}

/** Iterates over the flush points of all chunks, in the order of the file. */
export function placedPoints(index: IndexFile): IterableIterator<PlacedPoint> {
  return index.each<PlacedPoint>(
    `SELECT chunk_id AS chunkId, chunk.offset AS chunkOffset, length AS chunkLength, point.offset AS offset,
            file_offset AS fileOffset
     FROM chunk JOIN point ON chunk_id = chunk.id ORDER BY chunk.offset, point.offset`,
  );
}

/** Reports whether an index has this flush point. */
export function hasPoint(index: IndexFile, { chunkOffset, offset, fileOffset }: PlacedPoint): boolean {
  const row = index.get(
    `SELECT 1 FROM chunk JOIN point ON chunk_id = chunk.id
     WHERE chunk.offset = ? AND point.offset = ? AND file_offset = ?`,
    chunkOffset,
    offset,
    fileOffset,
  );
  return row !== undefined;
}

/** Returns the longest part of a chunk without a flush point, in bytes after decompression. */
export function longestBlock(index: IndexFile, chunkId: number, lengthBytes: number): number {
  const row = index.get<{ longest: number | null }>(
    `SELECT max(next - offset) AS longest FROM (
       SELECT offset, lead(offset, 1, ?) OVER (ORDER BY offset) AS next FROM point WHERE chunk_id = ?)`,
    lengthBytes,
    chunkId,
  );
  return row?.longest ?? lengthBytes;
}

export function insertPoints(index: IndexFile, chunkId: number, points: readonly FlushPoint[]): void {
  for (const point of points) {
    index.run(
      'INSERT OR IGNORE INTO point (chunk_id, offset, file_offset) VALUES (?, ?, ?)',
      chunkId,
      point.offset,
      point.fileOffset,
    );
  }
}

/**
 * The number of flush points inserted in one step. A chunk of several gigabytes has tens of
 * thousands.
 */
const POINTS_A_STEP = 500;

/** Inserts flush points like insertPoints, but in steps of a few milliseconds. */
export function* insertPointsSteps(
  index: IndexFile,
  chunkId: number,
  points: readonly FlushPoint[],
): Generator<void, void> {
  for (let at = 0; at < points.length; at += POINTS_A_STEP) {
    insertPoints(index, chunkId, points.slice(at, at + POINTS_A_STEP));
    yield;
  }
}

function pointOf(offset: number | null, fileOffset: number | null): FlushPoint | undefined {
  return offset === null || fileOffset === null ? undefined : { offset, fileOffset };
}
