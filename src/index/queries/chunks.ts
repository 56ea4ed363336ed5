/**
 * Writes the rows of the index that describe the data file: chunks, flush points, and the checksums
 * that identify the file.
 */
import { createHash } from 'node:crypto';
import type { IndexFile } from '../store/indexFile.ts';
import type { Chunk } from '../types.ts';
import type { FlushPoint } from '../../log/format.ts';

export type ChunkState = 'open' | 'whole' | 'damaged';

const closedOf: Record<ChunkState, number> = { open: 0, whole: 1, damaged: 2 };

export function stateOf(chunk: Chunk): ChunkState {
  return chunk.closed === 0 ? 'open' : chunk.closed === 1 ? 'whole' : 'damaged';
}

export interface ChunkProgressRow {
  readonly tsEnd: number;
  readonly length: number;
  readonly fileEnd: number;
  readonly crc32: number;
  readonly memberSha1: string;
  readonly state: ChunkState;
}

/** Adds a chunk that begins at a file offset; returns its id. */
export function insertChunk(index: IndexFile, offset: number, time: number): number {
  return index.run(
    `INSERT INTO chunk (ts_start, ts_end, offset, length, file_end, crc32, member_sha1, file_sha1, closed)
     VALUES (?, ?, ?, 0, ?, 0, '', '', 0)`,
    time,
    time,
    offset,
    offset,
  );
}

/**
 * Stores how much of a chunk has been committed. The chain hash covers the previous chunk's chain
 * hash and this chunk's own hash.
 */
export function updateChunk(index: IndexFile, id: number, progress: ChunkProgressRow): void {
  const before = index.get<{ file_sha1: string }>(
    `SELECT file_sha1 FROM chunk WHERE offset < (SELECT offset FROM chunk WHERE id = ?) ORDER BY offset DESC LIMIT 1`,
    id,
  );
  const chain = chainHash(before?.file_sha1 ?? '', progress.memberSha1);
  index.run(
    `UPDATE chunk SET ts_end = ?, length = ?, file_end = ?, crc32 = ?, member_sha1 = ?, file_sha1 = ?, closed = ?
     WHERE id = ?`,
    progress.tsEnd,
    progress.length,
    progress.fileEnd,
    progress.crc32,
    progress.memberSha1,
    chain,
    closedOf[progress.state],
    id,
  );
}

/**
 * Returns a chunk's file_sha1. It is computed from the previous chunk's file_sha1 (empty for the
 * first chunk) and this chunk's member_sha1.
 */
export function chainHash(before: string, memberSha1: string): string {
  return createHash('sha1').update(before).update(memberSha1).digest('hex');
}

export function deleteChunk(index: IndexFile, id: number): void {
  index.run('DELETE FROM point WHERE chunk_id = ?', id);
  index.run('DELETE FROM chunk WHERE id = ?', id);
}

export function setChunkStart(index: IndexFile, id: number, time: number): void {
  index.run('UPDATE chunk SET ts_start = ? WHERE id = ?', time, id);
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

/**
 * Marks a message as missing, because its bytes are damaged or unreadable. The master is then asked
 * for the message again.
 */
export function forgetBytes(index: IndexFile, guid: string): void {
  index.run('UPDATE message SET chunk_id = NULL, offset = NULL, undelivered = NULL WHERE guid = ?', guid);
  const places = index.all<{ mailbox_id: number; uid: number }>(
    `SELECT mailbox_id, min(uid) AS uid FROM record
     WHERE message_id = (SELECT id FROM message WHERE guid = ?) AND expunged IS NULL GROUP BY mailbox_id`,
    guid,
  );
  for (const { mailbox_id: id, uid } of places) {
    index.run(
      'UPDATE mailbox SET missing_from = min(coalesce(missing_from, ?), ?) WHERE id = ?',
      uid,
      uid,
      id,
    );
  }
}
