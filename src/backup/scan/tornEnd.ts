/**
 * Distinguishes a torn end from damage if the last member of a data file cannot be read to its end.
 *
 * backupd syncs each commit before it begins the next, and a member's end before it begins another.
 * So after a power cut only the last commit, or the last member's ending, may lack sectors. Nothing
 * that was acknowledged follows a torn place.
 *
 * Evidence that something acknowledged does follow proves that the disk has lost or changed bytes:
 * damage. Without such evidence the end is torn. See docs/decisions/0026-torn-or-damaged.md.
 */
import { FLUSH_MARKER, MEMBER_TRAILER_BYTES } from '../../log/format.ts';
import { readSyncInto } from '../../fs/io.ts';
import { DamagedChunk } from './damagedChunk.ts';
import type { SalvageStart } from './damagedChunk.ts';

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
/**
 * Uncompressed bytes for each compressed one: least for bytes that cannot be compressed, most for
 * lines that hardly differ.
 */
const LEAST_RATIO = 0.95;
const MOST_RATIO = 100;
/**
 * Bits of ENDED that may have changed on the disk. Random bytes come this close once in a billion
 * ends.
 */
const MOST_WRONG_BITS = 4;

export interface DoubtfulEnd {
  readonly fd: number;
  readonly fileSize: number;
  /** The position after the last line that is known to be good. */
  readonly good: SalvageStart;
  /** Where the data ends that an index says was on disk; 0 if no index does. */
  readonly acknowledgedEnd: number;
}

/** Reports whether something that was acknowledged follows the last good line. */
export function* hasAcknowledgedBehind(end: DoubtfulEnd): Generator<void, boolean> {
  const { fd, fileSize, good, acknowledgedEnd } = end;
  if (acknowledgedEnd > good.fileOffset && endsWithMarker(fd, acknowledgedEnd, fileSize)) return true;
  const hasGap = yield* hasMissingSector(fd, good.fileOffset, fileSize);
  // All lines are good. Only the ending itself may be torn.
  if (fileSize - good.fileOffset <= ENDING_BYTES) return !hasGap && isEnded(fd, fileSize);
  if (
    isEnded(fd, fileSize) ||
    (good.offset === 0 && (yield* isEndedUnflushed(fd, good.fileOffset, fileSize)))
  )
    return true;
  for (const read of new DamagedChunk(fd, good, fileSize, null).lines()) {
    yield;
    // A commit is MESSAGE lines and one other line, which is its last.
    if (read === null || read.line.name === 'MESSAGE' || read.fileEnd === null) continue;
    if (!(yield* isZero(fd, read.fileEnd, fileSize))) return true;
    // The last commit itself is damaged before its last line. If no sector is missing, a power cut
    // was not the cause.
    return !hasGap;
  }
  return false;
}

/**
 * Reports whether a part of the file has a sector, or the part of one, that was never written: it
 * reads as zeros.
 */
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

/** Reports whether a part of the file is all zeros. */
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

/**
 * Reports whether the file ends as a member of ours does. The ending is written only when all
 * before it is on disk.
 */
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
 * Reports whether a member without any flush looks ended, as the original `compact` writes them.
 * Its last four bytes must be a length that fits the number of compressed bytes. If a power cut
 * tore the file, this is true by chance once in some thousand ends.
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
