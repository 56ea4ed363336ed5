/**
 * Moves a backup to another partition, under a running backupd and mount.
 *
 * What is surely final of the data file is copied without a lock; the rest, the index and what lies beside under it. Only when all is
 * on disk does backups.db name the new place, and only then the old files go. So a kill at any step leaves one whole backup that
 * backups.db names, and perhaps a copy of it, which the next move of it removes.
 */
import {
  closeSync,
  copyFileSync,
  existsSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { sideFiles } from '../catalog/backupFiles.ts';
import type { BackupFile } from '../catalog/backupFiles.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { LockedFile, SharedRead } from '../fs/lockedFile.ts';
import type { AcquireOptions } from '../fs/lockedFile.ts';
import { syncFolder } from '../fs/folders.ts';
import { BackupError, asBackupError } from '../errors.ts';
import { stateOf } from '../index/chunks.ts';
import { IndexFile } from '../index/indexFile.ts';
import { removeIndexFiles } from '../index/removeIndexFiles.ts';
import { lastChunk } from '../index/queries.ts';
import { copyBytes, isPrefix } from '../fs/copyBytes.ts';
import { faultPoint } from './faultPoint.ts';
import { keepOwner } from '../fs/keepOwner.ts';
import { setTimes, timesOf } from '../fs/times.ts';
import { belongs, openIndexForWriting } from './openIndex.ts';
import { indexPath } from './options.ts';
import type { Notice } from './options.ts';

/** In order; the tests kill it behind each. */
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
  /** The hashed folder below the partition that it goes to. */
  readonly folder: string;
  /** Hashed folders where a copy may be left from a move that was broken off. */
  readonly otherFolders: readonly string[];
  readonly lock: AcquireOptions;
  readonly notice: Notice;
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
}

/** Answers the new path; the present one where it is there already. Throws 'not-found', 'locked', 'no-space', 'io'. */
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
  if (existsSync(to) && [...move.catalog.list()].some(({ path }) => path === to)) {
    throw new BackupError('bad-parameters', `${to} is the backup of another user`, { subject: to });
  }
  const beside = `${to}.new`;
  try {
    mkdirSync(move.folder, { recursive: true, mode: 0o700 });
    const copied = await copyFinal(from, beside, move);
    step('begun');
    const file = await LockedFile.acquire(from, move.lock);
    try {
      await copyRest(file, beside, copied, move);
      place(file, to, move);
    } finally {
      file.release();
    }
  } catch (error) {
    rmSync(beside, { force: true });
    removeIndexFiles(indexPath(beside));
    throw asBackupError(error, to);
  }
}

interface Copied {
  readonly inode: bigint;
  readonly bytes: number;
}

/** Copies the chunks that were ended: they change no more, unless a compaction puts another file under the name. */
async function copyFinal(from: string, beside: string, move: Move): Promise<Copied> {
  const source = SharedRead.open(from);
  try {
    const { ino: inode } = fstatSync(source.fd, { bigint: true });
    const bytes = finalBytes(from, source.fd);
    const target = openSync(beside, 'w', 0o600);
    try {
      const { onProgress } = move;
      await copyBytes(source.fd, target, 0, bytes, onProgress === undefined ? {} : { onProgress });
    } finally {
      closeSync(target);
    }
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
    return stateOf(last) === 'open' ? last.offset : last.file_end;
  } finally {
    index?.close();
  }
}

/** Under the lock: what was written since, and the index. */
async function copyRest(file: LockedFile, beside: string, copied: Copied, { notice }: Move): Promise<void> {
  const index = await openIndexForWriting(file, notice);
  try {
    const { ino, size } = fstatSync(file.fd, { bigint: true });
    const from = ino === copied.inode ? Math.min(copied.bytes, Number(size)) : 0;
    const target = openSync(beside, 'r+');
    try {
      await copyBytes(file.fd, target, from, Number(size));
      setTimes(target, timesOf(file.fd));
      fsyncSync(target);
    } finally {
      closeSync(target);
    }
    step('copied');
    index.copyTo(indexPath(beside));
    keepOwner(beside, file.fd);
    keepOwner(indexPath(beside), file.fd);
    step('indexed');
  } finally {
    index.close();
  }
}

/** The copy gets its name, backups.db names it, the old files go. */
function place(file: LockedFile, to: string, { catalog, userid, folder }: Move): void {
  const from = file.path;
  const sides = sideFiles(from).filter(({ role }) => isKept(role));
  for (const { path } of sides) copyFileSync(path, join(folder, basename(path)));
  removeIndexFiles(indexPath(to));
  renameSync(`${to}.new`, to);
  step('placed');
  renameSync(indexPath(`${to}.new`), indexPath(to));
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
  removeFiles(from);
  step('removed');
}

const isKept = (role: BackupFile['role']): boolean =>
  role === 'torn' || role === 'previous' || role === 'previous-index';

/** A data file and all that lies beside it; the data file last, so that what a kill leaves is still found by its name. */
export function removeFiles(path: string): void {
  for (const { path: side } of sideFiles(path)) rmSync(side, { force: true });
  rmSync(path, { force: true });
  syncFolder(dirname(path));
}

/** Removes what moves that were broken off have left, where it is no more than a copy. */
async function removeCopies({ otherFolders, notice, lock }: Move, path: string): Promise<void> {
  rmSync(`${path}.new`, { force: true });
  removeIndexFiles(indexPath(`${path}.new`));
  for (const folder of otherFolders) {
    const copy = join(folder, basename(path));
    rmSync(`${copy}.new`, { force: true });
    removeIndexFiles(indexPath(`${copy}.new`));
    if (!existsSync(copy) || copy === path) continue;
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
