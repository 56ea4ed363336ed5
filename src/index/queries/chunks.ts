/** Queries for chunks, and the statements that write their rows. */
import { createHash } from 'node:crypto';
import type { IndexFile } from '../store/indexFile.ts';
import type { Chunk, ChunkState } from '../types.ts';

export const chunkColumns = `id, ts_start AS tsStart, ts_end AS tsEnd, offset, length, file_end AS fileEnd, crc32,
  member_sha1 AS memberSha1, file_sha1 AS fileSha1,
  CASE closed WHEN 0 THEN 'open' WHEN 1 THEN 'whole' ELSE 'damaged' END AS state`;

const closedOf: Record<ChunkState, number> = { open: 0, whole: 1, damaged: 2 };

export function chunks(index: IndexFile): IterableIterator<Chunk> {
  return index.each<Chunk>(`SELECT ${chunkColumns} FROM chunk ORDER BY offset`);
}

export function chunkById(index: IndexFile, id: number): Chunk | undefined {
  return index.get<Chunk>(`SELECT ${chunkColumns} FROM chunk WHERE id = ?`, id);
}

export function chunkCount(index: IndexFile): number {
  return index.get<{ count: number }>('SELECT count(*) AS count FROM chunk')?.count ?? 0;
}

/** Returns the chunk whose gzip member starts at this offset in the file. */
export function chunkAt(index: IndexFile, fileOffset: number): Chunk | undefined {
  return index.get<Chunk>(`SELECT ${chunkColumns} FROM chunk WHERE offset = ?`, fileOffset);
}

export function lastChunk(index: IndexFile): Chunk | undefined {
  return index.get<Chunk>(`SELECT ${chunkColumns} FROM chunk ORDER BY offset DESC LIMIT 1`);
}

/** Returns the last complete chunk. */
export function lastEndedChunk(index: IndexFile): Chunk | undefined {
  return index.get<Chunk>(`SELECT ${chunkColumns} FROM chunk WHERE closed <> 0 ORDER BY offset DESC LIMIT 1`);
}

/** Returns the total size of all chunks after decompression. */
export function uncompressedBytes(index: IndexFile): number {
  return index.get<{ bytes: number }>('SELECT total(length) AS bytes FROM chunk')?.bytes ?? 0;
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
