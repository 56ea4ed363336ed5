/**
 * Distinguishes a torn end from damage if the last member of a data file cannot be read to its end.
 *
 * backupd syncs each commit before it begins the next one, and each member's end before it begins
 * another member. After a power cut, sectors may therefore be missing only in the last commit or in
 * the last member's ending. No acknowledged data can follow a torn place.
 *
 * If acknowledged data does follow the unreadable place, the disk has lost or changed bytes: the
 * member is damaged. If nothing shows that, the end is torn. See
 * docs/decisions/0026-torn-end-or-damage.md.
 */
import { FLUSH_MARKER, MEMBER_TRAILER_BYTES } from '../../log/format.ts';
import { readSyncInto } from '../../fs/io.ts';
import { DamagedChunk } from './damagedChunk.ts';
import type { SalvageStart } from './damagedChunk.ts';

/** The smallest unit that a disk writes atomically. */
const SECTOR_BYTES = 512;
const SCAN_BYTES = 65_536;
const ZEROS = Buffer.alloc(SCAN_BYTES);
/** The size of a member's ending: an empty last block, the CRC-32 and the length. */
const ENDING_BYTES = 2 + MEMBER_TRAILER_BYTES;
/**
 * The bytes before CRC-32 and length in a member that backupd ended: a flush and an empty last
 * block.
 */
const ENDED = Buffer.concat([FLUSH_MARKER, Buffer.from([3, 0])]);
/** The last bytes of a member hold its uncompressed length. */
const LENGTH_BYTES = 4;
/**
 * The lowest and the highest plausible number of uncompressed bytes for each compressed byte. The
 * lowest holds for incompressible data, the highest for lines that hardly differ.
 */
const LEAST_RATIO = 0.95;
const MOST_RATIO = 100;
/**
 * The maximum number of bits of ENDED that may have changed on the disk. Random bytes come this
 * close to ENDED once in a billion ends.
 */
const MOST_WRONG_BITS = 4;

export interface DoubtfulEnd {
  readonly fd: number;
  readonly fileSize: number;
  /** The position after the last line that is known to be undamaged. */
  readonly good: SalvageStart;
  /** Where the data ends that an index records as written to disk; 0 if no index records it. */
  readonly acknowledgedEnd: number;
}

/** Reports whether acknowledged data follows the last undamaged line. */
export function* hasAcknowledgedBehind(end: DoubtfulEnd): Generator<void, boolean> {
  const { fd, fileSize, good, acknowledgedEnd } = end;
  if (acknowledgedEnd > good.fileOffset && endsWithMarker(fd, acknowledgedEnd, fileSize)) return true;
  const hasGap = yield* hasMissingSector(fd, good.fileOffset, fileSize);
  // All lines are undamaged. Only the member's ending itself may be torn.
  if (fileSize - good.fileOffset <= ENDING_BYTES) return !hasGap && isEnded(fd, fileSize);
  if (
    isEnded(fd, fileSize) ||
    (good.offset === 0 && (yield* isEndedUnflushed(fd, good.fileOffset, fileSize)))
  )
    return true;
  for (const read of new DamagedChunk(fd, good, fileSize, null).lines()) {
    yield;
    // A commit consists of MESSAGE lines and one other line, which is its last.
    if (read === null || read.line.name === 'MESSAGE' || read.fileEnd === null) continue;
    if (!(yield* isZero(fd, read.fileEnd, fileSize))) return true;
    // The last commit itself is damaged before its last line. If none of its sectors is missing, a
    // power cut was not the cause.
    return !hasGap;
  }
  return false;
}

/**
 * Reports whether a part of the file has a sector, or a part of a sector, that was never written.
 * Such a sector reads as zeros.
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

/** Reports whether a part of the file consists of zeros only. */
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
 * Reports whether the file ends like a member that backupd has ended. The ending is written only
 * after all data before it is on disk.
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
 * Reports whether a member without any flush looks complete. The original `compact` writes such
 * members. The last four bytes must be a length that fits the number of compressed bytes. In a file
 * torn by a power cut, this is true by chance once in several thousand ends.
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
