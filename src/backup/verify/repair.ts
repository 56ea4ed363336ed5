/**
 * Repair: writes a new data file without the damaged parts, and builds its index. The log is the
 * truth, so damaged parts must be removed from it. Otherwise the next reindex would fail on them
 * again (docs/decisions/0013-repair-rewrites-the-data-file.md).
 *
 * - Undamaged chunks are copied byte for byte.
 * - The whole messages and the readable lines of a damaged chunk are written again.
 * - The content of lost lines is taken from the index, if the index is from before the damage. It
 *   is written at the end, with the current time.
 * - A message whose bytes are lost keeps its records. Mailboxes that hold it report themselves to
 *   the master as out of date, and the master sends the message again.
 *
 * The old data file is kept beside the new one as NAME.UNIXTIME. Nothing changes until the new file
 * is renamed into place. After that, the next open rebuilds any index that does not belong to the
 * new file.
 */
import { dirname } from 'node:path';
import { disk } from '../../fs/disk/current.ts';
import { LockedFile } from '../../fs/lockedFile.ts';
import { syncFolder } from '../../fs/folders.ts';
import { createExclusively } from '../../fs/open.ts';
import { asBackupError } from '../../errors.ts';
import { IndexFile } from '../../index/store/indexFile.ts';
import { removeIndexFiles } from '../../index/store/removeIndexFiles.ts';
import { chunks } from '../../index/queries/chunks.ts';
import { messagesOfChunk } from '../../index/queries/messages.ts';
import type { Chunk, StoredMessage } from '../../index/types.ts';
import { ChunkWriter } from '../../log/write/chunkWriter.ts';
import { FileLiteral } from '../../protocol/dlist.ts';
import { Backup } from '../backup.ts';
import { readMessage } from '../read/messageBytes.ts';
import { copyBytes } from '../../fs/copyBytes.ts';
import { faultPoint } from '../faultPoint.ts';
import { KnownChunk } from '../scan/knownChunk.ts';
import type { Damage } from '../scan/scanResult.ts';
import { lostLines } from '../scan/lostLines.ts';
import { planMessages } from '../lines/messageSource.ts';
import type { MessageSource } from '../lines/messageSource.ts';
import { giveOwner, keepOwner } from '../../fs/keepOwner.ts';
import { removeFile } from '../../fs/names.ts';
import { openIndexForWriting } from '../openIndex.ts';
import { indexPath } from '../options.ts';
import type { BackupOptions, Notice } from '../options.ts';
import { keepPrevious } from '../admin/previousName.ts';
import { DamagedChunk, memberStart } from '../scan/damagedChunk.ts';
import { scan } from '../scan/scan.ts';
import { writeLine } from '../lines/writeLine.ts';

/** The steps in order. The tests kill a repair after each of them. */
export const REPAIR_STEPS = ['written', 'kept', 'placed', 'indexed'] as const;

const step = (name: (typeof REPAIR_STEPS)[number]): void => faultPoint(`repair:${name}`);

/**
 * Repairs a backup. Returns the path at which the old data file is kept. The new data file has no
 * damaged parts. The caller's lock stays on the old file.
 */
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
    const { damages } = scan(folded, file.fd, 0, disk.fstat(file.fd).size, { known: index, isEnded: true });
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

/** Removes the files that a killed repair has left. */
export function removeUnfinished(path: string): void {
  const beside = besideOf(path);
  removeFile(beside);
  removeIndexFiles(indexPath(beside));
  removeIndexFiles(`${indexPath(beside)}.new`);
}

interface Source {
  readonly fd: number;
  /** The index as it was on disk before the repair. */
  readonly index: IndexFile;
  /** An index of the undamaged rest of the log. */
  readonly folded: IndexFile;
  readonly damages: readonly Damage[];
  readonly level: number;
}

async function writeWhole(source: Source, beside: string): Promise<void> {
  const target = createExclusively(beside);
  try {
    giveOwner(target, disk.fstat(source.fd));
    for (const chunk of Array.from(chunks(source.folded))) {
      const damages = source.damages.filter(({ fileOffset }) => fileOffset === chunk.offset);
      if (damages.length > 0) await rewrite(source, chunk, damages, target);
      else await append(source.fd, chunk, target);
    }
    disk.fsync(target);
  } finally {
    disk.close(target);
  }
}

async function append(fd: number, { offset, fileEnd: end }: Chunk, target: number): Promise<void> {
  await copyBytes(fd, target, offset, end, { at: disk.fstat(target).size });
}

/** Writes the undamaged rest of a damaged chunk: its whole messages, then its lines. */
async function rewrite(
  { fd, index, folded, level }: Source,
  chunk: Chunk,
  damages: readonly Damage[],
  target: number,
): Promise<void> {
  const senseless = new Set(damages.filter(({ isSenseless }) => isSenseless).map(({ position }) => position));
  const known = KnownChunk.find(index, chunk.offset);
  const writer = await ChunkWriter.open(target, disk.fstat(target).size, { level });
  const empty = writer.length;
  const sources = messagesOfChunk(folded, chunk.id).map((message) => copyOf(folded, fd, message));
  await planMessages(sources, writer.length, chunk.tsStart).write(writer);
  for (const read of new DamagedChunk(fd, memberStart(chunk.offset), chunk.fileEnd, known).lines()) {
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

/** Writes the content of the lost lines at the end of the new file. */
async function writeLost(index: IndexFile, beside: string, options: BackupOptions): Promise<void> {
  const backup = await Backup.open('', beside, options, () => undefined);
  try {
    for (const line of lostLines(index, backup.index)) await backup.append(line);
    await backup.endChunk();
  } finally {
    await backup.close();
  }
}

/**
 * Renames the new file into place while holding its lock, so that no process opens it before its
 * index exists.
 */
async function place(file: LockedFile, beside: string): Promise<string> {
  const fresh = await LockedFile.acquire(beside);
  try {
    keepOwner(indexPath(beside), file.fd);
    const kept = keepPrevious(file.path);
    step('kept');
    disk.rename(beside, file.path);
    step('placed');
    removeIndexFiles(indexPath(file.path));
    disk.rename(indexPath(beside), indexPath(file.path));
    syncFolder(dirname(file.path));
    step('indexed');
    return kept;
  } finally {
    fresh.release();
  }
}
