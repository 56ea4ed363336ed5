/**
 * Verify: reads a locked data file from its first byte to its last, as if there were no index, and holds the index
 * against what it read.
 *
 * Checked are every member's CRC-32 and size, every line, every message's SHA-1 against its GUID, then all that the index
 * says, the SHA-1 of each member and the chain over them among it; that each flush point of the index is one; and that no
 * living record's message is missing. The index is kept as it is: reindex builds it anew.
 */
import { fstatSync } from 'node:fs';
import type { LockedFile } from '../catalog/lockedFile.ts';
import { BackupError, messageOf } from '../errors.ts';
import { IndexFile } from '../index/indexFile.ts';
import { chunks } from '../index/queries.ts';
import { compareIndexes } from './compareIndexes.ts';
import { blockAt, loadBlock } from './content.ts';
import { belongs, openIndexForWriting } from './openIndex.ts';
import { indexPath } from './options.ts';
import type { Notice } from './options.ts';
import { walk } from './walk.ts';
import type { WalkOptions } from './walk.ts';
import type { Damage, WalkResult } from './memberWalk.ts';

interface ChunkFindings {
  readonly id: number;
  /** What cannot be read as it was written. */
  readonly checksums: readonly string[];
  /** Messages that are not what their GUID promises. */
  readonly messages: readonly string[];
}

/** What was found, in words, one fault each. */
export interface Verification {
  /** All chunks, those without fault too. */
  readonly chunks: readonly ChunkFindings[];
  readonly index: readonly string[];
  readonly faultCount: number;
}

/**
 * `notice` hears what opening has to say: an index that is missing or the originals' is built first, as by any
 * open. Throws 'io'.
 */
export async function verifyBackup(
  file: LockedFile,
  notice: Notice,
  options: Pick<WalkOptions, 'onProgress'> = {},
): Promise<Verification> {
  const replaced = replacedIndex(file);
  const index = await openIndexForWriting(file, notice);
  try {
    const folded = IndexFile.create(':memory:');
    try {
      const result = walk(folded, file.fd, 0, fstatSync(file.fd).size, options);
      const faults = [...replaced, ...compareIndexes(index, folded), ...falsePoints(index, folded, file.fd)];
      return summary(folded, result, [...faults, ...missingMessages(folded)]);
    } finally {
      folded.close();
    }
  } finally {
    index.close();
  }
}

/** An index of ours that is about to be given up because the data file is not the one that it was made of. */
function replacedIndex(file: LockedFile): string[] {
  const index = IndexFile.open(indexPath(file.path), 'read');
  try {
    if (index === null || belongs(index, file.fd)) return [];
    return ['the data file is shorter than the index says, or its last chunk another'];
  } finally {
    index?.close();
  }
}

function summary(folded: IndexFile, result: WalkResult, index: readonly string[]): Verification {
  const damages = new Map<number, Damage[]>();
  for (const damage of result.damages) {
    const of = damages.get(damage.fileOffset);
    if (of === undefined) damages.set(damage.fileOffset, [damage]);
    else of.push(damage);
  }
  const findings: ChunkFindings[] = [];
  for (const { id, offset } of chunks(folded)) {
    const here = damages.get(offset) ?? [];
    const checksums = here.filter(({ guid }) => guid === undefined).map((damage) => inWords(id, damage));
    const messages = here.filter(({ guid }) => guid !== undefined).map((damage) => inWords(id, damage));
    findings.push({ id, checksums, messages });
  }
  const torn =
    result.tornTail === null ? [] : [`the chunk at offset ${result.tornTail.fileOffset} is cut off`];
  const faultCount = result.damages.length + index.length + torn.length;
  return { chunks: findings, index: [...torn, ...index], faultCount };
}

function inWords(chunkId: number, { fileOffset, position, reason, guid }: Damage): string {
  if (guid !== undefined) return `guid mismatch for message ${guid} in chunk ${chunkId}`;
  return `error reading chunk ${chunkId} at offset ${fileOffset}, byte ${position}: ${reason}`;
}

/** The index's flush points that the walk has not found good itself: what is between them must inflate exactly. */
function* falsePoints(index: IndexFile, folded: IndexFile, fd: number): Generator<string> {
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
    if (isFound !== undefined) continue;
    try {
      loadBlock(fd, blockAt(index, id, offset));
    } catch (error) {
      if (!(error instanceof BackupError)) throw error;
      yield `point ${chunk} ${offset}: cannot be read from: ${messageOf(error)}`;
    }
  }
}

function* missingMessages(folded: IndexFile): Generator<string> {
  const missing = folded.each<{ guid: string; name: string; uid: number }>(
    `SELECT guid, name, uid FROM message CROSS JOIN record ON message_id = message.id
     JOIN mailbox ON mailbox.id = mailbox_id
     WHERE message.chunk_id IS NULL AND expunged IS NULL AND deleted IS NULL ORDER BY name, uid`,
  );
  for (const { guid, name, uid } of missing) {
    yield `message ${guid} is not in the backup: ${Buffer.from(name, 'latin1').toString('utf8')} uid ${uid}`;
  }
}
