/**
 * Tells a torn end from damage, where the last member of a data file cannot be read to its end.
 *
 * backupd syncs each commit before it begins the next, and a member's end before it begins another. So after a power cut
 * only the last commit, or the last member's ending, may lack sectors; nothing that was acknowledged stands behind a torn place.
 * Evidence that something acknowledged does stand there proves that the disk has lost or changed bytes that it had: damage.
 * Without such evidence the end is torn. See docs/decisions/0026-torn-or-damaged.md.
 */
import { FLUSH_MARKER, MEMBER_TRAILER_BYTES } from '../log/format.ts';
import { readSyncInto } from '../fs/io.ts';
import { Salvage } from './salvage.ts';
import type { SalvageStart } from './salvage.ts';

/** The smallest unit that a disk writes as a whole. */
const SECTOR_BYTES = 512;
const SCAN_BYTES = 65_536;
const ZEROS = Buffer.alloc(SCAN_BYTES);
/** An empty last block, the CRC-32, the length. */
const ENDING_BYTES = 2 + MEMBER_TRAILER_BYTES;
/** How a member of ours ends, before CRC-32 and length: a flush, and an empty last block. */
const ENDED = Buffer.concat([FLUSH_MARKER, Buffer.from([3, 0])]);
/** A member's uncompressed length stands at its end. */
const LENGTH_BYTES = 4;
/** Uncompressed bytes for a compressed one: of bytes that do not deflate at all, and of lines that hardly differ. */
const LEAST_RATIO = 0.95;
const MOST_RATIO = 100;
/** Bits of ENDED that may have rotted. That so few differ by chance happens once in a billion ends. */
const MOST_WRONG_BITS = 4;

export interface DoubtfulEnd {
  readonly fd: number;
  readonly fileSize: number;
  /** Behind the last line that is known to be good. */
  readonly good: SalvageStart;
  /** Up to where an index says that data was on disk; 0 where none does. */
  readonly acknowledgedEnd: number;
}

/** Whether something that was acknowledged stands behind the last good line. */
export function* hasAcknowledgedBehind(end: DoubtfulEnd): Generator<void, boolean> {
  const { fd, fileSize, good, acknowledgedEnd } = end;
  if (acknowledgedEnd > good.fileOffset && endsWithMarker(fd, acknowledgedEnd, fileSize)) return true;
  const hasGap = yield* hasMissingSector(fd, good.fileOffset, fileSize);
  // All lines are good, and the ending may be torn by itself.
  if (fileSize - good.fileOffset <= ENDING_BYTES) return !hasGap && isEnded(fd, fileSize);
  if (
    isEnded(fd, fileSize) ||
    (good.offset === 0 && (yield* isEndedUnflushed(fd, good.fileOffset, fileSize)))
  )
    return true;
  for (const read of new Salvage(fd, good, fileSize, null).lines()) {
    yield;
    // A commit is MESSAGE lines and one other line, which is its last.
    if (read === null || read.line.name === 'MESSAGE' || read.fileEnd === null) continue;
    if (!(yield* isZero(fd, read.fileEnd, fileSize))) return true;
    // The last commit itself is damaged before its last line. If no sector is missing, that was not the power cut.
    return !hasGap;
  }
  return false;
}

/** Whether a stretch of the file has a sector, or the part of one, that was never written: it reads as zeros. */
export function* hasMissingSector(fd: number, from: number, to: number): Generator<void, boolean> {
  for (let at = from; at < to;) {
    const scan = Math.min(to, at - (at % SECTOR_BYTES) + SCAN_BYTES);
    const bytes = Buffer.alloc(scan - at);
    readSyncInto(fd, bytes, 0, bytes.length, at);
    for (let start = 0; start < bytes.length;) {
      const end = Math.min(bytes.length, start + SECTOR_BYTES - ((at + start) % SECTOR_BYTES));
      if (isAllZero(bytes.subarray(start, end))) return true;
      start = end;
    }
    at = scan;
    yield;
  }
  return false;
}

/** Whether a stretch of the file has no byte but zeros. */
export function* isZero(fd: number, from: number, to: number): Generator<void, boolean> {
  const bytes = Buffer.alloc(SCAN_BYTES);
  for (let at = from; at < to; at += SCAN_BYTES) {
    const have = readSyncInto(fd, bytes, 0, Math.min(SCAN_BYTES, to - at), at);
    if (!isAllZero(bytes.subarray(0, have))) return false;
    yield;
  }
  return true;
}

function isAllZero(bytes: Buffer): boolean {
  return bytes.equals(ZEROS.subarray(0, bytes.length));
}

function endsWithMarker(fd: number, end: number, fileSize: number): boolean {
  if (end > fileSize) return false;
  const bytes = Buffer.alloc(FLUSH_MARKER.length);
  readSyncInto(fd, bytes, 0, bytes.length, end - bytes.length);
  return bytes.equals(FLUSH_MARKER);
}

/** Whether the file ends as a member of ours does: an ending is written when all before it is on disk. */
function isEnded(fd: number, fileSize: number): boolean {
  const at = fileSize - MEMBER_TRAILER_BYTES - ENDED.length;
  if (at < 0) return false;
  const bytes = Buffer.alloc(ENDED.length);
  readSyncInto(fd, bytes, 0, bytes.length, at);
  let wrongBits = 0;
  for (const [index, byte] of bytes.entries()) {
    for (let bits = byte ^ (ENDED[index] ?? 0); bits !== 0; bits >>= 1) wrongBits += bits & 1;
  }
  return wrongBits <= MOST_WRONG_BITS;
}

/**
 * Whether a member without any flush looks ended, as the original's compact writes them: its last bytes are a length that so many
 * compressed bytes may have. Of bytes that a power cut has left, one end in some thousands does.
 */
function* isEndedUnflushed(fd: number, start: number, fileSize: number): Generator<void, boolean> {
  const compressed = fileSize - start - MEMBER_TRAILER_BYTES;
  if (compressed <= 0) return false;
  const bytes = Buffer.alloc(LENGTH_BYTES);
  readSyncInto(fd, bytes, 0, bytes.length, fileSize - bytes.length);
  const length = bytes.readUInt32LE();
  if (length < compressed * LEAST_RATIO || length > compressed * MOST_RATIO) return false;
  return !(yield* hasMarker(fd, start, fileSize));
}

function* hasMarker(fd: number, from: number, to: number): Generator<void, boolean> {
  const bytes = Buffer.alloc(SCAN_BYTES + FLUSH_MARKER.length - 1);
  for (let at = from; at < to; at += SCAN_BYTES) {
    const have = readSyncInto(fd, bytes, 0, Math.min(bytes.length, to - at), at);
    if (bytes.subarray(0, have).includes(FLUSH_MARKER)) return true;
    yield;
  }
  return false;
}
