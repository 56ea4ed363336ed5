/**
 * The byte format of a twoskip database: encodes and decodes the header and the heads of records,
 * nothing else. Source: cyrus-imapd lib/cyrusdb_twoskip.c. All integers are big-endian.
 *
 *   header  magic[20] version:u32 generation:u64 num_records:u64 repack_size:u64
 *           current_size:u64 flags:u32 crc:u32
 *   record  type:u8 level:u8 keylen:u16 vallen:u32 [keylen:u64] [vallen:u64]
 *           pointers:u64[level + 1] head crc:u32 tail crc:u32 key value zeros to 8
 *   blank   8 bytes that keep a record's head within one disk block
 */
import { crc32 } from 'node:zlib';
import { BackupError } from '../../errors.ts';

export const MAX_LEVEL = 31;
export const HEADER_SIZE = 64;
export const DUMMY_OFFSET = HEADER_SIZE;
export const MAX_HEAD_SIZE = (MAX_LEVEL + 5) * 8;
/**
 * Userids and paths are far shorter. A longer key can only come from a file crafted to exhaust
 * memory.
 */
export const MAX_KEY_BYTES = 1 << 20;
export const MAX_VALUE_BYTES = 1 << 20;
export const FLAG_DIRTY = 1;
export const BLANK = Buffer.from(' BLANK\x07\xa0', 'latin1');

export const TYPE_DUMMY = 0x3d;
export const TYPE_RECORD = 0x2b;
export const TYPE_DELETE = 0x2d;
export const TYPE_COMMIT = 0x24;

const MAGIC = Buffer.from('\xa1\x02\x8b\x0dtwoskip file\0\0\0\0', 'latin1');
const VERSION = 1;
const HEADER_CRC_OFFSET = 60;
const MIN_RECORD_SIZE = 24;
const LONG_KEY = 0xffff;
const LONG_VALUE = 0xffffffff;
const DISK_BLOCK_SIZE = 512;

export interface Header {
  generation: number;
  recordCount: number;
  /** The file's size right after the last rewrite in order. */
  repackSize: number;
  /** The file's size at the last commit. Any bytes after it do not count. */
  currentSize: number;
  flags: number;
}

export interface RecordHead {
  type: number;
  level: number;
  keyLength: number;
  valueLength: number;
  /** level + 1 offsets. The first two both belong to the lowest level (see nextOffset). */
  next: number[];
  tailCrc: number;
}

export interface SkipRecord extends RecordHead {
  offset: number;
  headLength: number;
  /** Head, key, value and padding. */
  length: number;
}

export function roundUp8(length: number): number {
  return Math.ceil(length / 8) * 8;
}

function readU64(bytes: Buffer, offset: number): number {
  return bytes.readUInt32BE(offset) * 0x100000000 + bytes.readUInt32BE(offset + 4);
}

function writeU64(bytes: Buffer, value: number, offset: number): void {
  bytes.writeUInt32BE(Math.floor(value / 0x100000000), offset);
  bytes.writeUInt32BE(value % 0x100000000, offset + 4);
}

export function damaged(path: string, what: string): BackupError {
  return new BackupError('damaged', `${path}: ${what}`, { subject: path });
}

export function decodeHeader(bytes: Buffer, path: string): Header {
  if (bytes.length < HEADER_SIZE) throw damaged(path, 'too short for a twoskip header');
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw damaged(path, 'not a twoskip database');
  const version = bytes.readUInt32BE(20);
  if (version > VERSION) throw damaged(path, `unknown twoskip version ${version}`);
  if (crc32(bytes.subarray(0, HEADER_CRC_OFFSET)) !== bytes.readUInt32BE(HEADER_CRC_OFFSET)) {
    throw damaged(path, 'wrong checksum of the twoskip header');
  }
  const header = {
    generation: readU64(bytes, 24),
    recordCount: readU64(bytes, 32),
    repackSize: readU64(bytes, 40),
    currentSize: readU64(bytes, 48),
    flags: bytes.readUInt32BE(56),
  };
  for (const [name, value] of Object.entries(header)) {
    if (!Number.isSafeInteger(value)) throw damaged(path, `${name} of the twoskip header is too large`);
  }
  return header;
}

export function encodeHeader(header: Header): Buffer {
  const bytes = Buffer.alloc(HEADER_SIZE);
  MAGIC.copy(bytes);
  bytes.writeUInt32BE(VERSION, 20);
  writeU64(bytes, header.generation, 24);
  writeU64(bytes, header.recordCount, 32);
  writeU64(bytes, header.repackSize, 40);
  writeU64(bytes, header.currentSize, 48);
  bytes.writeUInt32BE(header.flags, 56);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, HEADER_CRC_OFFSET)), HEADER_CRC_OFFSET);
  return bytes;
}

/**
 * `bytes` starts at the record and contains its whole head. `fileSize` limits the record's extent.
 */
export function decodeRecord(bytes: Buffer, offset: number, fileSize: number, path: string): SkipRecord {
  const at = `record at offset ${offset}`;
  if (bytes.length < MIN_RECORD_SIZE) throw damaged(path, `${at} is past the end`);
  const level = bytes.readUInt8(1);
  if (level > MAX_LEVEL) throw damaged(path, `${at} has level ${level}`);
  let keyLength = bytes.readUInt16BE(2);
  let valueLength = bytes.readUInt32BE(4);
  let position = 8;
  const longFields = (keyLength === LONG_KEY ? 8 : 0) + (valueLength === LONG_VALUE ? 8 : 0);
  const headLength = 8 + longFields + 8 * (level + 1) + 8;
  if (bytes.length < headLength) throw damaged(path, `${at} is past the end`);
  if (keyLength === LONG_KEY) {
    keyLength = readU64(bytes, position);
    position += 8;
  }
  if (valueLength === LONG_VALUE) {
    valueLength = readU64(bytes, position);
    position += 8;
  }
  if (keyLength > MAX_KEY_BYTES || valueLength > MAX_VALUE_BYTES) {
    throw damaged(path, `${at} has a key or a value of impossible length`);
  }
  const length = headLength + roundUp8(keyLength + valueLength);
  if (offset + length > fileSize) throw damaged(path, `${at} is past the end`);
  const next: number[] = [];
  for (; next.length <= level; position += 8) next.push(readU64(bytes, position));
  if (crc32(bytes.subarray(0, position)) !== bytes.readUInt32BE(position)) {
    throw damaged(path, `wrong checksum of the head of the ${at}`);
  }
  const tailCrc = bytes.readUInt32BE(position + 4);
  return {
    type: bytes.readUInt8(0),
    level,
    keyLength,
    valueLength,
    next,
    tailCrc,
    offset,
    headLength,
    length,
  };
}

export function headLengthOf(level: number, keyLength: number, valueLength: number): number {
  return 8 + (keyLength >= LONG_KEY ? 8 : 0) + (valueLength >= LONG_VALUE ? 8 : 0) + 8 * (level + 1) + 8;
}

export function encodeHead(record: RecordHead): Buffer {
  const bytes = Buffer.alloc(headLengthOf(record.level, record.keyLength, record.valueLength));
  bytes.writeUInt8(record.type, 0);
  bytes.writeUInt8(record.level, 1);
  bytes.writeUInt16BE(Math.min(record.keyLength, LONG_KEY), 2);
  bytes.writeUInt32BE(Math.min(record.valueLength, LONG_VALUE), 4);
  let position = 8;
  const put = (value: number): void => {
    writeU64(bytes, value, position);
    position += 8;
  };
  if (record.keyLength >= LONG_KEY) put(record.keyLength);
  if (record.valueLength >= LONG_VALUE) put(record.valueLength);
  record.next.forEach(put);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, position)), position);
  bytes.writeUInt32BE(record.tailCrc, position + 4);
  return bytes;
}

/**
 * Returns key, value and zeros, as they follow the head. The tail's checksum covers all of them.
 */
export function encodeTail(key: Buffer, value: Buffer): Buffer {
  const length = key.length + value.length;
  return Buffer.concat([key, value], roundUp8(length));
}

/**
 * Returns the number of blank bytes before a record's head at `end`. With them, a rewrite of the
 * head touches one disk block only.
 */
export function paddingBefore(end: number, headLength: number): number {
  if (headLength > DISK_BLOCK_SIZE - 8) return 0;
  let position = end;
  while ((position + 8) % DISK_BLOCK_SIZE > (position - 8 + headLength) % DISK_BLOCK_SIZE) position += 8;
  return position - end;
}

/** Returns a random level: n or more with probability 2^(1 - n). */
export function randomLevel(random: () => number = Math.random): number {
  let level = 1;
  while (level < MAX_LEVEL && random() < 0.5) level++;
  return level;
}

/**
 * Returns the offset that a record's pointer of a level leads to; 0 is the end of the list. Level 0
 * is the lowest.
 *
 * The lowest level has two pointers. The higher one below `end` counts: the other is older, or
 * belongs to a change that was never committed. On the levels above, pointers past `end` come from
 * a writer that died. The lowest level still finds all records that they skip.
 */
export function nextOffset(record: RecordHead, level: number, end: number): number {
  if (level > 0) {
    const offset = record.next[level + 1] ?? 0;
    return offset >= end ? 0 : offset;
  }
  const first = record.next[0] ?? 0;
  const second = record.next[1] ?? 0;
  if (first >= end) return second;
  if (second >= end) return first;
  return Math.max(first, second);
}

/**
 * Sets a level's pointer. On the lowest level, never overwrites the pointer that was valid at the
 * last commit.
 */
export function setNextOffset(
  record: RecordHead,
  level: number,
  offset: number,
  committedSize: number,
): void {
  if (level > 0) {
    record.next[level + 1] = offset;
    return;
  }
  const first = record.next[0] ?? 0;
  const second = record.next[1] ?? 0;
  if (first >= committedSize) record.next[0] = offset;
  else if (second >= committedSize) record.next[1] = offset;
  else record.next[second > first ? 0 : 1] = offset;
}
