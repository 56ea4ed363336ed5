/**
 * Copies and compares data files by descriptor. The work is done in pieces and yields to the event
 * loop between them.
 */
import { setImmediate } from 'node:timers/promises';
import { BackupError } from '../errors.ts';
import { disk } from './disk/current.ts';
import { writeAllSync } from './io.ts';

const PIECE_BYTES = 1 << 20;

/**
 * Copies the bytes from `start` up to `end`: to the same offset in the other file, or to `at`.
 * Throws a BackupError 'io' if the source became shorter, and system errors unchanged.
 */
export async function copyBytes(
  from: number,
  to: number,
  start: number,
  end: number,
  options: { readonly at?: number; onProgress?(doneBytes: number, totalBytes: number): void } = {},
): Promise<void> {
  const shift = (options.at ?? start) - start;
  const piece = Buffer.allocUnsafe(PIECE_BYTES);
  for (let at = start; at < end;) {
    const count = disk.read(from, piece, 0, Math.min(piece.length, end - at), at);
    if (count === 0)
      throw new BackupError('io', `the file became shorter than ${end} bytes while it was copied`);
    writeAllSync(to, piece.subarray(0, count), shift + at);
    at += count;
    options.onProgress?.(at, end);
    await setImmediate();
  }
}

/** Reports whether `longer` begins with all bytes of `shorter`. */
export async function isPrefix(shorter: number, longer: number): Promise<boolean> {
  const { size } = disk.fstat(shorter);
  if (disk.fstat(longer).size < size) return false;
  const [one, other] = [Buffer.alloc(PIECE_BYTES), Buffer.alloc(PIECE_BYTES)];
  for (let at = 0; at < size;) {
    const count = disk.read(shorter, one, 0, PIECE_BYTES, at);
    const otherCount = disk.read(longer, other, 0, count, at);
    if (count === 0 || otherCount !== count) return false;
    if (!one.subarray(0, count).equals(other.subarray(0, count))) return false;
    at += count;
    await setImmediate();
  }
  return true;
}
