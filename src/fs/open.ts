/**
 * Opening and creating files that belong to the store. The folders of a store may be writable by another account
 * than the one that runs a command (root runs `compact` on the files of user cyrus), so a name is never trusted:
 * no symbolic link is followed, and a FIFO, a socket or a device is refused without being waited for.
 */
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { asBackupError, BackupError } from '../errors.ts';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR } = constants;

/** Flags that make open(2) refuse a symbolic link and return at once for a FIFO. */
const SAFE_FLAGS = O_NOFOLLOW | O_NONBLOCK;

/**
 * Opens an existing regular file and returns its descriptor. Throws BackupError 'damaged' for anything that is not
 * a regular file, else 'not-found', 'permission' or 'io'. Folders above the file may be links.
 */
export function openRegular(path: string, access: 'read' | 'read-write'): number {
  let fd: number;
  try {
    fd = openSync(path, (access === 'read' ? O_RDONLY : O_RDWR) | SAFE_FLAGS);
  } catch (error) {
    throw openError(error, path);
  }
  try {
    refuseIrregular(fd, path);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Throws 'damaged' where the descriptor is not of a regular file. */
function refuseIrregular(fd: number, path: string): void {
  if (!fstatSync(fd).isFile()) {
    throw new BackupError('damaged', `${path} is not a regular file`, { subject: path });
  }
}

/** What open(2) refused. ELOOP is a link, ENXIO a FIFO without a reader or a socket: not what we put there. */
function openError(error: unknown, path: string): BackupError {
  const code = (error as { code?: unknown } | null)?.code;
  if (code === 'ELOOP') {
    return new BackupError('damaged', `${path} is a symbolic link, which is not followed`, { subject: path });
  }
  if (code === 'ENXIO') {
    return new BackupError('damaged', `${path} is not a regular file`, { subject: path });
  }
  return asBackupError(error, path);
}

/**
 * Creates a file that must not exist, mode 0600 unless said otherwise, and returns a descriptor for reading and
 * writing. Neither follows nor replaces what has the name. Throws what the system throws (EEXIST among it).
 */
export function createExclusively(path: string, mode = 0o600): number {
  return openSync(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
}
