/**
 * Restores the last commit of a twoskip database whose writer died, as cyrus-imapd
 * lib/cyrusdb_twoskip.c does (recovery1, recovery2). Always runs under the write lock.
 *
 * - Recovery first follows the lowest level, where the older pointer always has the state of the
 *   last commit. From that it repairs the pointers of the higher levels.
 * - If that fails, recovery reads the file from its start and applies all complete commits to a new
 *   file.
 */
import { BackupError, messageOf } from '../../errors.ts';
import {
  BLANK,
  DUMMY_OFFSET,
  FLAG_DIRTY,
  MAX_LEVEL,
  TYPE_COMMIT,
  TYPE_DELETE,
  TYPE_RECORD,
  damaged,
  decodeHeader,
  nextOffset,
  type SkipRecord,
} from './format.ts';
import {
  keyOf,
  markDirty,
  readLive,
  readRecord,
  requireOrder,
  rewriteHead,
  valueOf,
  writeHeader,
  type Tree,
} from './tree.ts';
import { DUMMY_END, rebuild, type KeyValue } from './build.ts';

export function isClean(tree: Tree): boolean {
  return tree.header.currentSize === tree.file.size && (tree.header.flags & FLAG_DIRTY) === 0;
}

export function recover(tree: Tree): void {
  try {
    mendPointers(tree);
  } catch (error) {
    rescueCommits(tree, messageOf(error));
  }
}

/** Undoes a failed transaction of this process. */
export function rollBack(tree: Tree): void {
  tree.end = tree.header.currentSize;
  if (isClean(tree)) return;
  // The header on disk may already be that of the failed commit.
  tree.header.flags |= FLAG_DIRTY;
  writeHeader(tree);
  tree.file.sync();
  mendPointers(tree);
}

interface Trail {
  offset: number;
  next: number;
}

function mendPointers(tree: Tree): void {
  if (tree.header.currentSize > tree.file.size) throw damaged(tree.file.path, 'shorter than its header says');
  markDirty(tree);
  let record = readRecord(tree, DUMMY_OFFSET);
  const trails: Trail[] = record.next.map((next) => ({ offset: DUMMY_OFFSET, next }));
  dropUncommitted(tree, record);
  let previousKey: Buffer = Buffer.alloc(0);
  let recordCount = 0;
  let offset = nextOffset(record, 0, tree.end);
  for (;;) {
    const live = readLive(tree, offset);
    if (live === null) break;
    record = live;
    offset = record.offset;
    const key = keyOf(tree, record);
    requireOrder(tree, previousKey, key, offset);
    for (let slot = 2; slot <= record.level; slot++) {
      lead(tree, trails[slot] as Trail, slot, offset);
      trails[slot] = { offset, next: record.next[slot] ?? 0 };
    }
    dropUncommitted(tree, record);
    recordCount++;
    previousKey = key;
    offset = nextOffset(record, 0, tree.end);
  }
  for (let slot = 2; slot <= MAX_LEVEL; slot++) lead(tree, trails[slot] as Trail, slot, 0);
  settle(tree, recordCount);
}

/** Makes the last record that has this level point to `offset`, unless it already does. */
function lead(tree: Tree, trail: Trail, slot: number, offset: number): void {
  if (trail.next === offset) return;
  const record = readRecord(tree, trail.offset);
  record.next[slot] = offset;
  rewriteHead(tree, record);
}

function dropUncommitted(tree: Tree, record: SkipRecord): void {
  const stale = [0, 1].filter((slot) => (record.next[slot] ?? 0) >= tree.end);
  if (stale.length === 0) return;
  for (const slot of stale) record.next[slot] = 0;
  rewriteHead(tree, record);
}

function settle(tree: Tree, recordCount: number): void {
  tree.file.truncate(tree.header.currentSize);
  tree.file.sync();
  tree.header = { ...tree.header, recordCount, flags: 0 };
  writeHeader(tree);
  tree.file.sync();
  tree.end = tree.header.currentSize;
}

type Change = { key: Buffer; value: Buffer } | { deletedBefore: Buffer | null };

/** Collects the live keys while commits are applied one after another. */
class Rescue {
  readonly entries: KeyValue[] = [];

  apply(change: Change): void {
    if ('deletedBefore' in change) {
      const before = change.deletedBefore;
      const at = before === null ? this.entries.length : this.#position(before);
      if (at > 0) this.entries.splice(at - 1, 1);
      return;
    }
    const at = this.#position(change.key);
    const replaces = this.entries[at]?.[0].equals(change.key) ?? false;
    this.entries.splice(at, replaces ? 1 : 0, [change.key, change.value]);
  }

  #position(key: Buffer): number {
    let low = 0;
    let high = this.entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (Buffer.compare((this.entries[middle] as KeyValue)[0], key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/**
 * A deletion marker names the record that follows the deleted one. So the deleted key is the last
 * one before that record at the time. (Cyrus takes the following record itself for the deleted one
 * here, and loses it.)
 */
function changeOf(tree: Tree, record: SkipRecord): Change | null {
  if (record.type === TYPE_RECORD) {
    return { key: Buffer.from(keyOf(tree, record)), value: valueOf(tree, record) };
  }
  if (record.type !== TYPE_DELETE) return null;
  const follower = readLive(tree, record.next[0] ?? 0);
  return { deletedBefore: follower === null ? null : Buffer.from(keyOf(tree, follower)) };
}

/**
 * The largest file that is rescued, enough for ten million users. A larger file can only be
 * crafted.
 */
const MAX_RESCUE_BYTES = 1 << 30;

function rescueCommits(tree: Tree, reason: string): void {
  const { file } = tree;
  if (file.size > MAX_RESCUE_BYTES) throw damaged(file.path, `${reason}; too large to be rescued`);
  const rescue = new Rescue();
  let pending: Change[] = [];
  let broken = false;
  for (let offset = DUMMY_END; offset + 8 <= file.size;) {
    if (file.read(offset, 8).equals(BLANK)) {
      offset += 8;
      continue;
    }
    try {
      const record = readRecord(tree, offset);
      offset += record.length;
      if (record.type === TYPE_COMMIT) {
        if (!broken) for (const change of pending) rescue.apply(change);
        pending = [];
        broken = false;
        continue;
      }
      const change = changeOf(tree, record);
      if (change !== null) pending.push(change);
    } catch {
      broken = true;
      offset += 8;
    }
  }
  if (rescue.entries.length === 0) {
    throw new BackupError('damaged', `${reason}; no committed record could be rescued`, {
      subject: file.path,
    });
  }
  rebuild(file, tree.header.generation + 1, () => rescue.entries);
  file.lock('write');
  tree.header = decodeHeader(file.headerBytes(), file.path);
  tree.end = tree.header.currentSize;
}
