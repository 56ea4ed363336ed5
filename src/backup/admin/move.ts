/**
 * Moves a backup to another partition while backupd and the mount are running.
 *
 * 1. Without a lock, copies the part of the data file that no longer changes.
 * 2. Under the lock, copies the rest of the data file, the index and the other files of the backup.
 * 3. Once all copies are on disk, enters the new path in backups.db.
 * 4. Removes the old files.
 *
 * If the process is killed at any step, backups.db still names one complete backup. An unused copy
 * may be left; the next move of that backup removes it.
 */
import { basename, dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { sideFiles } from '../../catalog/backupFiles.ts';
import type { BackupFile } from '../../catalog/backupFiles.ts';
import type { Catalog } from '../../catalog/catalog.ts';
import { disk } from '../../fs/disk/current.ts';
import { LockedFile, SharedRead } from '../../fs/lockedFile.ts';
import type { AcquireOptions } from '../../fs/lockedFile.ts';
import { copyFile } from '../../fs/copyFile.ts';
import { makeFolders, syncFolder } from '../../fs/folders.ts';
import { BackupError, asBackupError, messageOf } from '../../errors.ts';
import { lastChunk } from '../../index/queries/chunks.ts';
import { isDamagedIndex } from '../../index/store/indexErrors.ts';
import { IndexFile } from '../../index/store/indexFile.ts';
import { removeIndexFiles } from '../../index/store/removeIndexFiles.ts';
import { copyBytes, isPrefix } from '../../fs/copyBytes.ts';
import { faultPoint } from '../faultPoint.ts';
import { giveOwner, keepOwner } from '../../fs/keepOwner.ts';
import { removeFile } from '../../fs/names.ts';
import { faultOfIndex } from '../indexFault.ts';
import { belongs, openIndexForWriting, rebuildIndex } from '../openIndex.ts';
import { indexPath } from '../options.ts';
import { releaseUnfinished } from '../unfinished.ts';
import type { Notice } from '../options.ts';

/** The steps in order. The tests kill a move after each of them. */
export const MOVE_STEPS = [
  'begun',
  'copied',
  'indexed',
  'placed',
  'placed-index',
  'entered',
  'removed',
] as const;

const step = (name: (typeof MOVE_STEPS)[number]): void => faultPoint(`move:${name}`);

export interface Move {
  readonly catalog: Catalog;
  readonly userid: string;
  /** The hashed folder below the target partition. */
  readonly folder: string;
  /** Hashed folders where an interrupted move may have left a copy. */
  readonly otherFolders: readonly string[];
  readonly lock: AcquireOptions;
  readonly notice: Notice;
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
}

/**
 * Returns the new path, or the present path if the backup is already on the target partition.
 * Throws 'not-found', 'locked', 'no-space' or 'io'.
 */
export async function moveBackup(move: Move): Promise<string> {
  const { catalog, userid, folder } = move;
  const from = catalog.find(userid);
  if (from === null) throw new BackupError('not-found', 'not found in backups.db', { subject: userid });
  const to = join(folder, basename(from));
  if (from !== to) await relocate(move, from, to);
  await removeCopies(move, to);
  return to;
}

async function relocate(move: Move, from: string, to: string): Promise<void> {
  if (disk.exists(to) && [...move.catalog.list()].some(({ path }) => path === to)) {
    throw new BackupError('bad-parameters', `${to} is the backup of another user`, { subject: to });
  }
  const beside = `${to}.new`;
  try {
    makeFolders(move.folder);
    // This lock keeps out a second move of the same backup.
    const target = await LockedFile.acquire(beside, { ...move.lock, create: true });
    try {
      disk.ftruncate(target.fd, 0);
      const copied = await copyFinal(from, target, move);
      step('begun');
      await relocateLocked(from, target, copied, to, move);
    } finally {
      releaseUnfinished(target);
    }
  } catch (error) {
    throw asBackupError(error, to);
  }
}

async function relocateLocked(
  from: string,
  target: LockedFile,
  copied: Copied,
  to: string,
  move: Move,
): Promise<void> {
  const file = await LockedFile.acquire(from, move.lock);
  try {
    await copyRest(file, target, copied, move);
    await copySides(from, move.folder);
    place(file, target, to, move);
  } finally {
    file.release();
  }
}

interface Copied {
  readonly inode: bigint;
  readonly bytes: number;
}

/**
 * Copies the chunks that were ended. Ended chunks never change, unless a compaction replaces the
 * whole data file.
 */
async function copyFinal(from: string, target: LockedFile, { onProgress }: Move): Promise<Copied> {
  const source = SharedRead.open(from);
  try {
    const { ino: inode } = disk.exactFstat(source.fd);
    const bytes = finalBytes(from, source.fd);
    await copyBytes(source.fd, target.fd, 0, bytes, onProgress === undefined ? {} : { onProgress });
    return { inode, bytes };
  } finally {
    source.close();
  }
}

function finalBytes(path: string, fd: number): number {
  const index = IndexFile.open(indexPath(path), 'read');
  try {
    const last = index === null || !belongs(index, fd) ? undefined : lastChunk(index);
    if (last === undefined) return 0;
    return last.state === 'open' ? last.offset : last.fileEnd;
  } catch (error) {
    if (faultOfIndex(error, indexPath(path)) === null) throw error;
    return 0;
  } finally {
    index?.close();
  }
}

/**
 * Copies the index and whatever was appended to the data file since copyFinal(). The caller holds
 * the lock.
 */
async function copyRest(
  file: LockedFile,
  target: LockedFile,
  copied: Copied,
  { notice }: Move,
): Promise<void> {
  const index = await openIndexForWriting(file, notice);
  try {
    const { ino, size } = disk.exactFstat(file.fd);
    const from = ino === copied.inode ? Math.min(copied.bytes, Number(size)) : 0;
    await copyBytes(file.fd, target.fd, from, Number(size));
    const { uid, gid } = disk.fstat(file.fd);
    giveOwner(target.fd, { uid, gid });
    disk.setTimes(target.fd, disk.getTimes(file.fd));
    disk.fsync(target.fd);
    step('copied');
    await copyIndex(index, file, indexPath(target.path), notice);
    keepOwner(indexPath(target.path), file.fd);
    step('indexed');
  } finally {
    index.close();
  }
}

/** Copies the index. If the index cannot be read completely, it is rebuilt first. */
async function copyIndex(index: IndexFile, file: LockedFile, to: string, notice: Notice): Promise<void> {
  try {
    index.copyTo(to);
  } catch (error) {
    if (!isDamagedIndex(error)) throw error;
    notice(`${messageOf(error)}, building it from the log`);
    const { index: rebuilt } = await rebuildIndex(file, notice);
    try {
      rebuilt.copyTo(to);
    } finally {
      rebuilt.close();
    }
  }
}

async function copySides(from: string, folder: string): Promise<void> {
  const sides = sideFiles(from).filter(({ role }) => isKept(role));
  for (const { path } of sides) await copyFile(path, join(folder, basename(path)));
}

/**
 * Renames the copy into place, enters it in backups.db, and removes the old files. If an error
 * leaves it unknown which path backups.db names, both copies stay. The next move or reconstruct
 * then removes the copy that backups.db does not name.
 */
function place(file: LockedFile, target: LockedFile, to: string, move: Move): void {
  const { catalog, userid, folder, notice } = move;
  const from = file.path;
  target.requireCurrent();
  removeIndexFiles(indexPath(to));
  disk.rename(target.path, to);
  step('placed');
  disk.rename(indexPath(`${to}.new`), indexPath(to));
  syncFolder(folder);
  step('placed-index');
  catalog.transaction(() => {
    if (catalog.find(userid) !== from) {
      throw new BackupError('bad-parameters', `${userid} was renamed or moved meanwhile`, {
        subject: userid,
      });
    }
    catalog.set(userid, to);
  });
  step('entered');
  try {
    removeFiles(from);
  } catch (error) {
    // The move itself is complete. The next move of this backup removes the old files.
    notice(`${from} could not be removed: ${messageOf(error)}`);
  }
  step('removed');
}

const isKept = (role: BackupFile['role']): boolean =>
  role === 'torn' || role === 'previous' || role === 'previous-index';

/**
 * Removes a data file and all files beside it. The data file is removed last. If the process is
 * killed, the remaining files can then still be found through the data file's name.
 */
export function removeFiles(path: string): void {
  for (const { path: side } of sideFiles(path)) removeFile(side);
  removeFile(path);
  syncFolder(dirname(path));
}

/** Removes the files that interrupted moves have left, provided that they are only copies. */
async function removeCopies({ otherFolders, notice, lock }: Move, path: string): Promise<void> {
  removeFile(`${path}.new`);
  removeIndexFiles(indexPath(`${path}.new`));
  for (const folder of otherFolders) {
    const copy = join(folder, basename(path));
    removeFile(`${copy}.new`);
    removeIndexFiles(indexPath(`${copy}.new`));
    if (!disk.exists(copy) || copy === path) continue;
    const file = await LockedFile.acquire(copy, lock);
    try {
      if (await isCopyOf(file.fd, path)) {
        removeFiles(copy);
        notice(`${copy}, which a move had left, was removed`);
      } else notice(`${copy} is left: it is no copy of ${path}`);
    } finally {
      file.release();
    }
  }
}

async function isCopyOf(fd: number, path: string): Promise<boolean> {
  const current = SharedRead.open(path);
  try {
    await setImmediate();
    return await isPrefix(fd, current.fd);
  } finally {
    current.close();
  }
}
