/**
 * Reads a whole index file instead of opening it. The file must be small, and no process may be
 * writing to it. This module also reads and sets fields in the header of the bytes.
 */
import { BackupError } from '../../errors.ts';
import { disk } from '../../fs/disk/current.ts';
import { openRegular } from '../../fs/open.ts';
import { IndexError } from './indexErrors.ts';
import { APPLICATION_ID, SCHEMA_VERSION } from './schema.ts';

/** Largest index that is read as a whole. */
const PEEK_BYTES = 512 * 1024;
/** Size of the first page. */
const MIN_BYTES = 4096;

let room: Buffer | null = null;

/**
 * Returns all bytes of a small index whose write-ahead log is empty, so that the file is complete;
 * otherwise null. The next call overwrites the bytes. Throws an IndexError if the file is not a
 * regular one.
 */
export function settledBytes(path: string): Buffer | null {
  const fd = openedOrNull(path);
  if (fd === null) return null;
  try {
    const before = disk.fstat(fd);
    if (before.size < MIN_BYTES || before.size > PEEK_BYTES || hasLog(path)) return null;
    room ??= Buffer.allocUnsafeSlow(PEEK_BYTES);
    const have = disk.read(fd, room, 0, before.size, 0);
    const after = disk.fstat(fd);
    const isSame = have === after.size && before.size === after.size && before.mtimeMs === after.mtimeMs;
    return isSame && !hasLog(path) ? room.subarray(0, have) : null;
  } finally {
    disk.close(fd);
  }
}

/**
 * Opens the file; returns null if it is missing. A process that has the index open must not call
 * this: closing the descriptor would drop SQLite's locks, which belong to the process.
 */
function openedOrNull(path: string): number | null {
  try {
    return openRegular(path, 'read');
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    if (error.kind === 'not-found') return null;
    throw new IndexError(error.kind, path, error.message, { cause: error });
  }
}

function hasLog(path: string): boolean {
  return (disk.stat(`${path}-wal`)?.size ?? 0) > 0;
}

/**
 * The header bytes that say whether a database has a write-ahead log (sqlite.org/fileformat.html,
 * 1.3.3).
 */
const LOG_VERSIONS = [18, 20] as const;
const WITHOUT_LOG = 1;
const WITH_LOG = 2;

/** Sets whether the header says that the database has a write-ahead log. */
export function markLog(bytes: Buffer, hasLog: boolean): void {
  bytes.fill(hasLog ? WITH_LOG : WITHOUT_LOG, ...LOG_VERSIONS);
}

const MAGIC = 'SQLite format 3\0';
const VERSION_AT = 60;
const APPLICATION_ID_AT = 68;

/**
 * Reports whether the header has the application id and schema version of this project
 * (sqlite.org/fileformat.html, 1.3).
 */
export function isOurs(bytes: Buffer): boolean {
  return (
    bytes.toString('latin1', 0, MAGIC.length) === MAGIC &&
    bytes.readInt32BE(APPLICATION_ID_AT) === APPLICATION_ID &&
    bytes.readInt32BE(VERSION_AT) === SCHEMA_VERSION
  );
}
