/**
 * Repair: a data file in which something is damaged is written anew without that, and the index built from it. See
 * docs/decisions: the log is the truth, so what is damaged must leave the log, or the next reindex would stumble over it again.
 *
 * Whole chunks are copied byte for byte. Of a damaged one the messages that are whole are written again, and the lines that can be
 * read; what its lost lines said is taken from the index, where that knew the chunk when it was whole, and written at the end as
 * of now. A message whose bytes are lost keeps its records: mailboxes that hold it show themselves as behind, and the master
 * sends it again.
 *
 * The old data file is kept beside as NAME.UNIXTIME. Until the new one takes the name, nothing has changed; from then on, an index
 * that is not the new file's is built anew by whoever opens it.
 */
import { closeSync, fstatSync, fsyncSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { LockedFile } from '../fs/lockedFile.ts';
import { syncFolder } from '../fs/folders.ts';
import { createExclusively } from '../fs/open.ts';
import { asBackupError } from '../errors.ts';
import { IndexFile } from '../index/indexFile.ts';
import { removeIndexFiles } from '../index/removeIndexFiles.ts';
import { chunks, messagesOfChunk } from '../index/queries.ts';
import type { Chunk, StoredMessage } from '../index/types.ts';
import { ChunkWriter } from '../log/writer.ts';
import { FileLiteral } from '../protocol/dlist.ts';
import { Backup } from './backup.ts';
import { readMessage } from './content.ts';
import { copyBytes } from '../fs/copyBytes.ts';
import { faultPoint } from './faultPoint.ts';
import { KnownChunk } from './knownChunk.ts';
import type { Damage } from './walkResult.ts';
import { lostLines } from './lostLines.ts';
import { planMessages } from './messageSource.ts';
import type { MessageSource } from './messageSource.ts';
import { giveOwner, keepOwner } from '../fs/keepOwner.ts';
import { openIndexForWriting } from './openIndex.ts';
import { indexPath } from './options.ts';
import type { BackupOptions, Notice } from './options.ts';
import { keepPrevious } from './previousName.ts';
import { Salvage, memberStart } from './salvage.ts';
import { walk } from './walk.ts';
import { writeLine } from './writeLine.ts';

/** In order; the tests kill a repair behind each. */
export const REPAIR_STEPS = ['written', 'kept', 'placed', 'indexed'] as const;

const step = (name: (typeof REPAIR_STEPS)[number]): void => faultPoint(`repair:${name}`);

/** Where the old data file is kept; what was damaged is no more in the new one. The lock stays on the old file. */
export async function repairBackup(
  file: LockedFile,
  options: BackupOptions,
  notice: Notice,
): Promise<string> {
  removeUnfinished(file.path);
  const beside = besideOf(file.path);
  const index = await openIndexForWriting(file, notice);
  const folded = IndexFile.create(':memory:');
  try {
    const { damages } = walk(folded, file.fd, 0, fstatSync(file.fd).size, { known: index, isEnded: true });
    await writeWhole({ fd: file.fd, index, folded, damages, level: options.compressionLevel }, beside);
    await writeLost(index, beside, options);
    step('written');
    index.close();
    return await place(file, beside);
  } catch (error) {
    removeUnfinished(file.path);
    throw asBackupError(error, file.path);
  } finally {
    index.close();
    folded.close();
  }
}

const besideOf = (path: string): string => `${path}.repair`;

/** Removes what a repair that was killed has left. */
export function removeUnfinished(path: string): void {
  const beside = besideOf(path);
  rmSync(beside, { force: true });
  removeIndexFiles(indexPath(beside));
  removeIndexFiles(`${indexPath(beside)}.new`);
}

interface Source {
  readonly fd: number;
  /** As it was on disk. */
  readonly index: IndexFile;
  /** Of what is left. */
  readonly folded: IndexFile;
  readonly damages: readonly Damage[];
  readonly level: number;
}

async function writeWhole(source: Source, beside: string): Promise<void> {
  const target = createExclusively(beside);
  try {
    giveOwner(target, fstatSync(source.fd));
    for (const chunk of Array.from(chunks(source.folded))) {
      const damages = source.damages.filter(({ fileOffset }) => fileOffset === chunk.offset);
      if (damages.length > 0) await rewrite(source, chunk, damages, target);
      else await append(source.fd, chunk, target);
    }
    fsyncSync(target);
  } finally {
    closeSync(target);
  }
}

async function append(fd: number, { offset, file_end: end }: Chunk, target: number): Promise<void> {
  await copyBytes(fd, target, offset, end, { at: fstatSync(target).size });
}

/** What is left of a damaged chunk: its whole messages, then its lines. */
async function rewrite(
  { fd, index, folded, level }: Source,
  chunk: Chunk,
  damages: readonly Damage[],
  target: number,
): Promise<void> {
  const senseless = new Set(damages.filter(({ isSenseless }) => isSenseless).map(({ position }) => position));
  const known = KnownChunk.find(index, chunk.offset);
  const writer = await ChunkWriter.open(target, fstatSync(target).size, { level });
  const empty = writer.length;
  const sources = messagesOfChunk(folded, chunk.id).map((message) => copyOf(folded, fd, message));
  await planMessages(sources, writer.length, chunk.ts_start).write(writer);
  for (const read of new Salvage(fd, memberStart(chunk.offset), chunk.file_end, known).lines()) {
    if (read === null) continue;
    const { line, end } = read;
    if (line.name === 'MESSAGE' || senseless.has(end)) continue;
    await writer.mark();
    await writeLine(writer, line);
  }
  if (writer.length === empty) await writer.rollback();
  else await writer.close();
}

function copyOf(folded: IndexFile, fd: number, message: StoredMessage): MessageSource {
  const file = new FileLiteral('default', message.guid, message.size);
  return {
    kind: 'copy',
    file,
    read: (offset, sizeBytes) => readMessage(folded, fd, message, offset, sizeBytes),
  };
}

/** Ends the new file with what lost lines said. */
async function writeLost(index: IndexFile, beside: string, options: BackupOptions): Promise<void> {
  const backup = await Backup.open('', beside, options, () => undefined);
  try {
    for (const line of lostLines(index, backup.index)) await backup.append(line);
    await backup.endChunk();
  } finally {
    await backup.close();
  }
}

/** The new file gets the name, under its own lock: nobody is to open it before its index is there. */
async function place(file: LockedFile, beside: string): Promise<string> {
  const fresh = await LockedFile.acquire(beside);
  try {
    keepOwner(indexPath(beside), file.fd);
    const kept = keepPrevious(file.path);
    step('kept');
    renameSync(beside, file.path);
    step('placed');
    removeIndexFiles(indexPath(file.path));
    renameSync(indexPath(beside), indexPath(file.path));
    syncFolder(dirname(file.path));
    step('indexed');
    return kept;
  } finally {
    fresh.release();
  }
}
