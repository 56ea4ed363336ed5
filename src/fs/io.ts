/**
 * Positional reads and writes on a descriptor that somebody else owns: whole or failed, never by halves, and
 * every failure a BackupError. No call opens or closes anything, because closing any descriptor of a file
 * drops all POSIX locks that the process holds on it.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { promisify } from 'node:util';
import { asBackupError, BackupError } from '../errors.ts';

/**
 * What the system refused, as 'no-space' or 'io': a staging or data file that is missing or forbidden is the
 * server's fault, never "no such mailbox" or "permission denied" to a client.
 */
export function ioError(error: unknown, what: string): BackupError {
  const known = asBackupError(error, what);
  if (known.kind !== 'not-found' && known.kind !== 'permission') return known;
  return new BackupError('io', known.message, { cause: error });
}

const writev = promisify(fs.writev);
const read = promisify(fs.read);
const ftruncate = promisify(fs.ftruncate);
const fdatasync = promisify(fs.fdatasync);
const fsync = promisify(fs.fsync);

/** writev(2) takes at most IOV_MAX buffers, 1024 on Linux; more at once gain nothing. */
const BUFFERS_A_CALL = 256;

/** Copying so little into the page cache takes less than a trip to the thread pool. */
const INLINE_BYTES = 65_536;

const HASH_BYTES = 1 << 20;

function rest(buffers: readonly Buffer[], written: number): Buffer[] {
  let skip = written;
  const left: Buffer[] = [];
  for (const buffer of buffers) {
    if (skip < buffer.length) left.push(skip === 0 ? buffer : buffer.subarray(skip));
    skip = Math.max(0, skip - buffer.length);
  }
  return left;
}

function sizeOf(buffers: readonly Buffer[]): number {
  return buffers.reduce((sum, { length }) => sum + length, 0);
}

/** Writes all of the buffers at a position. Rejects with 'no-space' or 'io'; part may be written then. */
export async function writeAll(fd: number, buffers: readonly Buffer[], position: number): Promise<void> {
  let left = buffers.filter((buffer) => buffer.length > 0);
  let at = position;
  try {
    while (left.length > 0) {
      const some = left.slice(0, BUFFERS_A_CALL);
      const isSmall = sizeOf(some) <= INLINE_BYTES;
      const bytesWritten = isSmall ? fs.writevSync(fd, some, at) : (await writev(fd, some, at)).bytesWritten;
      at += bytesWritten;
      left = rest(left, bytesWritten);
    }
  } catch (error) {
    throw ioError(error, `writing at ${at}`);
  }
}

/** Reads exactly `size` bytes, off the main thread. Rejects with 'damaged' if the file ends before. */
export async function readAll(fd: number, position: number, size: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(size);
  let have = 0;
  try {
    while (have < size) {
      const { bytesRead } = await read(fd, buffer, have, size - have, position + have);
      if (bytesRead === 0) throw new BackupError('damaged', `file ends at ${position + have}`);
      have += bytesRead;
    }
  } catch (error) {
    throw ioError(error, `reading at ${position + have}`);
  }
  return buffer;
}

/** Fills the buffer from `at` on; returns how many bytes there were, fewer only at the file's end. */
export function readSyncInto(fd: number, buffer: Buffer, at: number, size: number, position: number): number {
  let have = 0;
  try {
    while (have < size) {
      const got = fs.readSync(fd, buffer, at + have, size - have, position + have);
      if (got === 0) break;
      have += got;
    }
  } catch (error) {
    throw ioError(error, `reading at ${position + have}`);
  }
  return have;
}

/** Hex SHA-1 of the bytes from one offset up to another, or to the file's end. */
export function sha1OfRange(fd: number, from: number, to: number): string {
  const hash = createHash('sha1');
  const piece = Buffer.allocUnsafe(Math.min(HASH_BYTES, to - from));
  for (let at = from; at < to;) {
    const have = readSyncInto(fd, piece, 0, Math.min(piece.length, to - at), at);
    if (have === 0) break;
    hash.update(piece.subarray(0, have));
    at += have;
  }
  return hash.digest('hex');
}

/** Writes all of the bytes at a position, however many calls that takes. Throws what the system throws. */
export function writeAllSync(fd: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length;) {
    done += fs.writeSync(fd, bytes, done, bytes.length - done, position + done);
  }
}

export async function truncate(fd: number, length: number): Promise<void> {
  try {
    await ftruncate(fd, length);
  } catch (error) {
    throw ioError(error, `truncating to ${length}`);
  }
}

/** Data and length on disk. In the thread pool: a sync can take long, and other connections go on. */
export async function syncData(fd: number): Promise<void> {
  try {
    await fdatasync(fd);
  } catch (error) {
    throw ioError(error, 'fdatasync');
  }
}

/** As syncData, and times, mode and owner too. */
export async function syncAll(fd: number): Promise<void> {
  try {
    await fsync(fd);
  } catch (error) {
    throw ioError(error, 'fsync');
  }
}
