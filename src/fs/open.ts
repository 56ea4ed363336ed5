/**
 * Opens and creates files of the store safely. An account other than the one that runs a command
 * may be able to write to a store's folders. For example, root runs `compact` on the files of user
 * cyrus. So names are never trusted:
 *
 * - Symbolic links are not followed.
 * - A FIFO, a socket or a device is refused without waiting for it.
 * - Root does not write to a file that also has a name elsewhere: the folder's owner may have
 *   linked it in.
 */
import { basename, dirname, join } from 'node:path';
import { asBackupError, BackupError, systemReason } from '../errors.ts';
import { disk } from './disk/current.ts';
import type { ExactFileStats } from './disk/disk.ts';
import {
  O_APPEND,
  O_CREAT,
  O_EXCL,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
} from './disk/openFlags.ts';
import { removeFile } from './names.ts';

/** Flags that make open(2) refuse a symbolic link and return at once for a FIFO. */
const SAFE_FLAGS = O_NOFOLLOW | O_NONBLOCK;

/**
 * The number of attempts. Another process may create and remove the same file between two calls; if
 * that happens more often than this, it is deliberate.
 */
const MOST_ATTEMPTS = 10;

/**
 * Opens an existing regular file and returns its descriptor. Throws BackupError 'damaged' for
 * anything that is not a regular file, otherwise 'not-found', 'permission' or 'io'. Parent folders
 * may be links.
 */
export function openRegular(path: string, access: 'read' | 'read-write'): number {
  return openSafely(path, access === 'read' ? O_RDONLY : O_RDWR, access === 'read-write');
}

/**
 * Opens a regular file for appending, and creates it with mode 0600 if it is missing. Throws as
 * openRegular does.
 */
export function openForAppending(path: string): number {
  return openSafely(path, O_WRONLY | O_APPEND | O_CREAT, true);
}

/**
 * Opens a regular file for reading and writing, and creates it with mode 0600 if it is missing.
 * Anything else with that name is removed first. Use it only for the names of unfinished files.
 */
export function openOrCreate(path: string): number {
  for (let attempt = 1; ; attempt++) {
    try {
      return createExclusively(path);
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    }
    try {
      return openRegular(path, 'read-write');
    } catch (error) {
      const kind = error instanceof BackupError ? error.kind : null;
      if (attempt === MOST_ATTEMPTS || (kind !== 'damaged' && kind !== 'not-found')) throw error;
      removeFile(path);
    }
  }
}

/**
 * Creates a file that must not exist, with mode 0600 by default. Returns a descriptor for reading
 * and writing. Neither follows nor replaces anything that already has the name. Throws system
 * errors unchanged, including EEXIST.
 */
export function createExclusively(path: string, mode = 0o600): number {
  return disk.open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
}

/**
 * Creates a file and replaces anything with that name. Use it only for the names of unfinished
 * files.
 */
export function createAnew(path: string): number {
  removeFile(path);
  return createExclusively(path);
}

/**
 * Reports whether the name leads to a regular file that openRegular would open. Use it for
 * libraries that open files by name.
 */
export function isSafeFile(path: string, access: 'read' | 'read-write'): boolean {
  const stats = disk.exactLstat(path);
  if (stats === undefined || !stats.isFile()) return false;
  return access === 'read' || !isRoot() || !hasForeignLink(stats, path);
}

function openSafely(path: string, flags: number, isWritten: boolean): number {
  let fd: number;
  try {
    fd = disk.open(path, flags | SAFE_FLAGS, 0o600);
  } catch (error) {
    throw openError(error, path);
  }
  try {
    refuseOthers(fd, path, isWritten);
    return fd;
  } catch (error) {
    disk.close(fd);
    throw error;
  }
}

function refuseOthers(fd: number, path: string, isWritten: boolean): void {
  const stats = disk.exactFstat(fd);
  if (!stats.isFile()) {
    throw new BackupError('damaged', `${path} is not a regular file`, { subject: path });
  }
  if (isWritten && isRoot() && hasForeignLink(stats, path)) {
    const text = `${path} has another name elsewhere (a hard link): root does not write to it`;
    throw new BackupError('damaged', text, { subject: path });
  }
}

const isRoot = (): boolean => process.geteuid?.() === 0;

/**
 * Reports whether the file has a second name that this project did not create. NAME.TIME beside a
 * data file is not foreign: `compact` or a repair creates that link, and leaves it there when
 * killed.
 */
function hasForeignLink({ nlink, ino, dev }: ExactFileStats, path: string): boolean {
  if (nlink === 1n) return false;
  const folder = dirname(path);
  const kept = disk.readdir(folder).filter((name) => {
    const isKept = name.startsWith(`${basename(path)}.`) && /\.\d+$/.test(name);
    const stats = isKept ? disk.exactLstat(join(folder, name)) : undefined;
    return stats?.ino === ino && stats.dev === dev;
  });
  return nlink > BigInt(1 + kept.length);
}

const codeOf = (error: unknown): unknown => (error as { code?: unknown } | null)?.code;

/**
 * Turns an error of open(2) into a BackupError. ELOOP means a link, ENXIO a FIFO without a reader
 * or a socket, EISDIR a folder. This project creates none of these.
 */
function openError(error: unknown, path: string): BackupError {
  const code = codeOf(error);
  if (code === 'ELOOP') {
    return new BackupError('damaged', `${path} is a symbolic link, which is not followed`, { subject: path });
  }
  if (code === 'ENXIO' || code === 'EISDIR') {
    return new BackupError('damaged', `${path} is not a regular file`, { subject: path });
  }
  const { kind } = asBackupError(error, path);
  return new BackupError(kind, `cannot open ${path}: ${systemReason(error)}`, {
    cause: error,
    subject: path,
  });
}
