/**
 * Positional reads and writes on a descriptor that the caller owns. Each call succeeds completely
 * or fails with a BackupError.
 *
 * No function here opens or closes a file: closing any descriptor of a file drops all POSIX locks
 * that the process holds on it.
 */
import { createHash } from 'node:crypto';
import { asBackupError, BackupError } from '../errors.ts';
import { disk } from './disk/current.ts';

/**
 * Turns a system error into 'no-space' or 'io'. A missing or forbidden staging or data file is the
 * server's fault: a client must not see it as "no such mailbox" or "permission denied".
 */
export function ioError(error: unknown, what: string): BackupError {
  const known = asBackupError(error, what);
  if (known.kind !== 'not-found' && known.kind !== 'permission') return known;
  return new BackupError('io', known.message, { cause: error });
}

/**
 * The number of buffers per writev(2), which takes at most IOV_MAX (1024 on Linux). Larger calls
 * are not faster.
 */
const BUFFERS_A_CALL = 256;

/**
 * Writes up to this size are synchronous, because copying them into the page cache is faster than
 * using the thread pool.
 */
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

/**
 * Writes all buffers at a position. Rejects with 'no-space' or 'io'; some bytes may have been
 * written by then.
 */
export async function writeAll(fd: number, buffers: readonly Buffer[], position: number): Promise<void> {
  let left = buffers.filter((buffer) => buffer.length > 0);
  let at = position;
  try {
    while (left.length > 0) {
      const some = left.slice(0, BUFFERS_A_CALL);
      const isSmall = sizeOf(some) <= INLINE_BYTES;
      const bytesWritten = isSmall ? disk.writev(fd, some, at) : await disk.writevAsync(fd, some, at);
      at += bytesWritten;
      left = rest(left, bytesWritten);
    }
  } catch (error) {
    throw ioError(error, `writing at ${at}`);
  }
}

/**
 * Reads exactly `size` bytes off the main thread. Rejects with 'damaged' if the file ends earlier.
 */
export async function readAll(fd: number, position: number, size: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(size);
  let have = 0;
  try {
    while (have < size) {
      const bytesRead = await disk.readAsync(fd, buffer, have, size - have, position + have);
      if (bytesRead === 0) throw new BackupError('damaged', `file ends at ${position + have}`);
      have += bytesRead;
    }
  } catch (error) {
    throw ioError(error, `reading at ${position + have}`);
  }
  return buffer;
}

/**
 * Reads `size` bytes into the buffer, starting at index `at`. Returns the number of bytes read,
 * which is smaller only at the end of the file.
 */
export function readSyncInto(fd: number, buffer: Buffer, at: number, size: number, position: number): number {
  let have = 0;
  try {
    while (have < size) {
      const got = disk.read(fd, buffer, at + have, size - have, position + have);
      if (got === 0) break;
      have += got;
    }
  } catch (error) {
    throw ioError(error, `reading at ${position + have}`);
  }
  return have;
}

/** Returns the hex SHA-1 of the bytes from `from` up to `to`, or up to the end of the file. */
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

/**
 * Writes all bytes at a position, with as many calls as that takes. Throws system errors unchanged.
 */
export function writeAllSync(fd: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length;) {
    done += disk.write(fd, bytes, done, bytes.length - done, position + done);
  }
}

export async function truncate(fd: number, length: number): Promise<void> {
  try {
    await disk.ftruncateAsync(fd, length);
  } catch (error) {
    throw ioError(error, `truncating to ${length}`);
  }
}

/**
 * Syncs data and length to disk. Runs in the thread pool, so that other connections continue during
 * a long sync.
 */
export async function syncData(fd: number): Promise<void> {
  try {
    await disk.fdatasyncAsync(fd);
  } catch (error) {
    throw ioError(error, 'fdatasync');
  }
}

/** Syncs data and length like syncData, and also times, mode and owner. */
export async function syncAll(fd: number): Promise<void> {
  try {
    await disk.fsyncAsync(fd);
  } catch (error) {
    throw ioError(error, 'fsync');
  }
}
