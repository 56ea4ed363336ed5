/**
 * The skip list of a twoskip database: finds a key, and links a record in or out. The caller must
 * have locked the file and handles transactions. Keys are ordered by their raw bytes, because
 * backups.db is opened without Cyrus' mailbox ordering (cyrus-imapd backup/lcb_backupdb.c).
 */
import { crc32 } from 'node:zlib';
import {
  BLANK,
  DUMMY_OFFSET,
  FLAG_DIRTY,
  MAX_HEAD_SIZE,
  TYPE_DELETE,
  TYPE_RECORD,
  damaged,
  decodeRecord,
  encodeHead,
  encodeHeader,
  encodeTail,
  nextOffset,
  paddingBefore,
  randomLevel,
  roundUp8,
  setNextOffset,
  type Header,
  type RecordHead,
  type SkipRecord,
} from './format.ts';
import type { TwoskipFile } from './file.ts';

export interface Tree {
  file: TwoskipFile;
  header: Header;
  /**
   * Offset at which the next record is appended. During a transaction, it is greater than
   * currentSize.
   */
  end: number;
}

export interface Location {
  /**
   * The record itself if the key exists, else the last record before it (the dummy if there is
   * none).
   */
  record: SkipRecord;
  exact: boolean;
  /** For each level, the record that points to this location. */
  back: number[];
  /** For each level, the record that follows. */
  forward: number[];
}

const NOTHING = Buffer.alloc(0);

export function readRecord(tree: Tree, offset: number): SkipRecord {
  const { file } = tree;
  const head = file.read(offset, Math.max(0, Math.min(MAX_HEAD_SIZE, file.size - offset)));
  return decodeRecord(head, offset, file.size, file.path);
}

/** Skips a deletion marker and returns the record after it; null at the end of the list. */
export function readLive(tree: Tree, offset: number): SkipRecord | null {
  if (offset === 0) return null;
  let record = readRecord(tree, offset);
  if (record.type === TYPE_DELETE) {
    const behind = record.next[0] ?? 0;
    if (behind === 0) return null;
    record = readRecord(tree, behind);
  }
  if (record.type !== TYPE_RECORD) throw damaged(tree.file.path, `no record at offset ${record.offset}`);
  return record;
}

/**
 * Throws 'damaged' if a key does not follow the one before it. Every scan of the list calls this
 * function to detect circular links.
 */
export function requireOrder(tree: Tree, previousKey: Buffer, key: Buffer, offset: number): void {
  if (Buffer.compare(previousKey, key) < 0) return;
  throw damaged(tree.file.path, `keys are out of order at offset ${offset}`);
}

export function keyOf(tree: Tree, record: SkipRecord): Buffer {
  return tree.file.read(record.offset + record.headLength, record.keyLength);
}

/** Returns a copy of the value after verifying its checksum. */
export function valueOf(tree: Tree, record: SkipRecord): Buffer {
  const start = record.offset + record.headLength;
  const tail = tree.file.read(start, roundUp8(record.keyLength + record.valueLength));
  if (crc32(tail) !== record.tailCrc) {
    throw damaged(tree.file.path, `wrong checksum of key or value of the record at offset ${record.offset}`);
  }
  return Buffer.from(tail.subarray(record.keyLength, record.keyLength + record.valueLength));
}

export function locate(tree: Tree, key: Buffer): Location {
  let record = readRecord(tree, DUMMY_OFFSET);
  const back: number[] = [];
  const forward: number[] = [];
  let found: SkipRecord | null = null;
  let seenOffset = 0;
  let seenKey: Buffer = NOTHING;
  for (let level = record.level - 1; level >= 0; level--) {
    for (;;) {
      const offset = nextOffset(record, level, tree.end);
      back[level] = record.offset;
      forward[level] = offset;
      if (offset === 0 || offset === seenOffset) break;
      const next = readLive(tree, offset);
      seenOffset = offset;
      if (next === null) break;
      const nextKey = keyOf(tree, next);
      const order = Buffer.compare(nextKey, key);
      if (order === 0) found = next;
      if (order >= 0) break;
      requireOrder(tree, seenKey, nextKey, offset);
      seenKey = nextKey;
      record = next;
    }
  }
  if (found === null) return { record, exact: false, back, forward };
  for (let level = 0; level < found.level; level++) forward[level] = nextOffset(found, level, tree.end);
  return { record: found, exact: true, back, forward };
}

/** Writes the header; the caller syncs. */
export function writeHeader(tree: Tree): void {
  tree.file.write(encodeHeader(tree.header), 0);
}

export function markDirty(tree: Tree): void {
  if ((tree.header.flags & FLAG_DIRTY) !== 0) return;
  tree.header.flags |= FLAG_DIRTY;
  writeHeader(tree);
  tree.file.sync();
}

/** Rewrites a record's head in place: its pointers, never its key or value. */
export function rewriteHead(tree: Tree, record: SkipRecord): void {
  tree.file.write(encodeHead(record), record.offset);
}

type NewRecord = Pick<RecordHead, 'type' | 'level' | 'next'>;

/** Appends a record and returns its offset. The header on disk is marked dirty first. */
export function appendRecord(
  tree: Tree,
  fresh: NewRecord,
  key: Buffer = NOTHING,
  value: Buffer = NOTHING,
): number {
  markDirty(tree);
  const tail = encodeTail(key, value);
  const lengths = { keyLength: key.length, valueLength: value.length };
  const head = encodeHead({ ...fresh, ...lengths, tailCrc: crc32(tail) });
  const blanks = Buffer.alloc(paddingBefore(tree.end, head.length), BLANK);
  tree.file.write(Buffer.concat([blanks, head, tail]), tree.end);
  const offset = tree.end + blanks.length;
  tree.end = offset + head.length + tail.length;
  return offset;
}

/** Points the records before the location, up to `levels`, at the offsets in `forward`. */
function stitch(tree: Tree, at: Location, levels: number): void {
  for (let level = 0; level < levels;) {
    const record = readRecord(tree, at.back[level] ?? 0);
    for (let i = level; i < Math.min(levels, record.level); i++) {
      setNextOffset(record, i, at.forward[i] ?? 0, tree.header.currentSize);
    }
    rewriteHead(tree, record);
    if (record.level <= level) throw damaged(tree.file.path, `broken levels at offset ${record.offset}`);
    level = record.level;
  }
}

/** Adds or replaces the record of a key. */
export function storeAt(tree: Tree, at: Location, key: Buffer, value: Buffer): void {
  const level = randomLevel();
  const oldLevel = at.exact ? at.record.level : 0;
  const next = [0, ...at.forward.slice(0, level)];
  const offset = appendRecord(tree, { type: TYPE_RECORD, level, next }, key, value);
  for (let i = 0; i < level; i++) at.forward[i] = offset;
  stitch(tree, at, Math.max(level, oldLevel));
  if (!at.exact) tree.header.recordCount++;
}

/** Unlinks the record of an exact location. The lowest level then points at a deletion marker. */
export function deleteAt(tree: Tree, at: Location): void {
  const behind = readLive(tree, at.forward[0] ?? 0);
  const next = [behind === null ? 0 : behind.offset];
  at.forward[0] = appendRecord(tree, { type: TYPE_DELETE, level: 0, next });
  stitch(tree, at, at.record.level);
  tree.header.recordCount = Math.max(0, tree.header.recordCount - 1);
}
