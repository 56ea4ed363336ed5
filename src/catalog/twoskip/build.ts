/**
 * Writes a new twoskip database, in key order and without dead bytes. It is used for the rewrite
 * that Cyrus calls a checkpoint, and to rescue a damaged file.
 *
 * The new file is NAME.NEW, which is synced as a whole and then renamed over NAME. The generation
 * in its header tells other processes that their cached offsets are invalid.
 *
 * The records are read twice, so that memory holds only the offset and level of each record.
 */
import { crc32 } from 'node:zlib';
import {
  BLANK,
  DUMMY_OFFSET,
  HEADER_SIZE,
  MAX_LEVEL,
  TYPE_COMMIT,
  TYPE_DUMMY,
  TYPE_RECORD,
  damaged,
  encodeHead,
  encodeHeader,
  encodeTail,
  headLengthOf,
  paddingBefore,
  randomLevel,
  roundUp8,
} from './format.ts';
import type { TwoskipFile } from './file.ts';
import { writeAllSync } from '../../fs/io.ts';
import { replaceWith } from '../../fs/replaceFile.ts';

export type KeyValue = [Buffer, Buffer];

const WRITE_SIZE = 1 << 20;
const EMPTY_TAIL_CRC = crc32(Buffer.alloc(0));
/** Offset of the first record: the dummy before it always has the same size. */
export const DUMMY_END = DUMMY_OFFSET + headLengthOf(MAX_LEVEL, 0, 0);

function dummyHead(next: number[]): Buffer {
  return encodeHead({
    type: TYPE_DUMMY,
    level: MAX_LEVEL,
    keyLength: 0,
    valueLength: 0,
    next,
    tailCrc: EMPTY_TAIL_CRC,
  });
}

/** Returns the bytes of a database without records: header and dummy. */
export function emptyDatabase(): Buffer {
  const header = { generation: 1, recordCount: 0, repackSize: DUMMY_END, currentSize: DUMMY_END, flags: 0 };
  return Buffer.concat([encodeHeader(header), dummyHead(Array<number>(MAX_LEVEL + 1).fill(0))]);
}

/**
 * Reports whether these are all bytes of a file whose creation a power cut interrupted: zeros, or a
 * part of an empty database.
 */
export function isUnfinished(bytes: Buffer): boolean {
  const empty = emptyDatabase();
  if (bytes.length > empty.length) return false;
  if (bytes.every((byte) => byte === 0)) return true;
  return bytes.length < empty.length && bytes.equals(empty.subarray(0, bytes.length));
}

interface Plan {
  offsets: number[];
  levels: number[];
  /**
   * For each record, the offsets that its levels point to, lowest level first. The last element
   * belongs to the dummy.
   */
  pointers: number[][];
  end: number;
}

function plan(records: Iterable<KeyValue>, limit: (end: number) => void): Plan {
  const offsets: number[] = [];
  const levels: number[] = [];
  let end = DUMMY_END;
  for (const [key, value] of records) {
    const level = randomLevel();
    const headLength = headLengthOf(level, key.length, value.length);
    const offset = end + paddingBefore(end, headLength);
    offsets.push(offset);
    levels.push(level);
    end = offset + headLength + roundUp8(key.length + value.length);
    limit(end);
  }
  const following = Array<number>(MAX_LEVEL).fill(0);
  const pointers: number[][] = [];
  for (let i = offsets.length - 1; i >= 0; i--) {
    const level = levels[i] as number;
    pointers[i] = following.slice(0, level);
    following.fill(offsets[i] as number, 0, level);
  }
  pointers.push(following);
  return { offsets, levels, pointers, end };
}

/** Yields the bytes of the whole file except its header. */
function* body(records: Iterable<KeyValue>, { offsets, levels, pointers, end }: Plan): Generator<Buffer> {
  yield dummyHead([0, ...(pointers[offsets.length] as number[])]);
  let position = DUMMY_END;
  let i = 0;
  for (const [key, value] of records) {
    const offset = offsets[i] as number;
    const tail = encodeTail(key, value);
    const head = encodeHead({
      type: TYPE_RECORD,
      level: levels[i] as number,
      keyLength: key.length,
      valueLength: value.length,
      next: [0, ...(pointers[i] as number[])],
      tailCrc: crc32(tail),
    });
    yield Buffer.alloc(offset - position, BLANK);
    yield head;
    yield tail;
    position = offset + head.length + tail.length;
    i++;
  }
  yield Buffer.alloc(paddingBefore(end, headLengthOf(0, 0, 0)), BLANK);
  const commit = { type: TYPE_COMMIT, level: 0, keyLength: 0, valueLength: 0, next: [DUMMY_END] };
  yield encodeHead({ ...commit, tailCrc: EMPTY_TAIL_CRC });
}

function writePieces(fd: number, pieces: Iterable<Buffer>, start: number): number {
  let offset = start;
  let waiting: Buffer[] = [];
  let waitingSize = 0;
  const flush = (): void => {
    writeAllSync(fd, Buffer.concat(waiting), offset);
    offset += waitingSize;
    waiting = [];
    waitingSize = 0;
  };
  for (const piece of pieces) {
    waiting.push(piece);
    waitingSize += piece.length;
    if (waitingSize >= WRITE_SIZE) flush();
  }
  flush();
  return offset;
}

function writeDatabase(fd: number, generation: number, planned: Plan, records: Iterable<KeyValue>): void {
  const currentSize = writePieces(fd, body(records, planned), HEADER_SIZE);
  const recordCount = planned.offsets.length;
  const header = { generation, recordCount, repackSize: planned.end, currentSize, flags: 0 };
  writeAllSync(fd, encodeHeader(header), 0);
}

/**
 * A rewrite may grow the file by this factor at most. Its random levels change the size only a
 * little, so a much larger result means that records overlap in the old file.
 */
const MAX_GROWTH = 4;

/**
 * Replaces the file with one that holds `records`. The caller has locked the file for writing. The
 * records are iterated twice and must come in key order. Afterwards, `file` refers to the new file,
 * which is not locked.
 */
export function rebuild(file: TwoskipFile, generation: number, records: () => Iterable<KeyValue>): void {
  const limit = MAX_GROWTH * (file.size + WRITE_SIZE);
  const planned = plan(records(), (end) => {
    if (end > limit) throw damaged(file.path, 'records overlap');
  });
  // Until the folder is synced, a power cut may bring the old file back under this name.
  file.isNameInDoubt = true;
  replaceWith(file.path, `${file.path}.NEW`, (fd) => writeDatabase(fd, generation, planned, records()));
  file.isNameInDoubt = false;
  file.reopen();
}
