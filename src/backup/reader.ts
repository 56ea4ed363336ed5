/**
 * One user's backup, open for reading. A reader takes no lock, writes nothing, and never makes a
 * writer wait.
 *
 * - The index is in WAL mode, so the reader has a stable snapshot while a writer changes the index.
 *   The data file only grows meanwhile.
 * - A compaction or reindex replaces the files by new ones. `isCurrent` then returns false, and the
 *   caller opens the backup again. The old files stay open and unchanged here until then.
 * - The log is folded into memory if the index is damaged, was written by the original backupd, or
 *   belongs to another data file. This ends when the index file is replaced.
 */
import { LRUCache } from 'lru-cache';
import { disk } from '../fs/disk/current.ts';
import { SharedRead } from '../fs/lockedFile.ts';
import { asBackupError } from '../errors.ts';
import { integrityFaults } from '../index/store/credible.ts';
import type { IndexError } from '../index/store/indexErrors.ts';
import { IndexFile } from '../index/store/indexFile.ts';
import type { StoredMessage } from '../index/types.ts';
import { blockAt, blocksFrom, readMessage } from './read/messageBytes.ts';
import type { Block } from './read/messageBytes.ts';
import { faultOfIndex } from './indexFault.ts';
import { belongs } from './openIndex.ts';
import { indexPath } from './options.ts';
import { scan } from './scan/scan.ts';

/**
 * The number of block positions that one index query prefetches for a caller that reads a chunk
 * forward.
 */
const BLOCKS_AHEAD = 64;
const NEAR_BYTES = 1 << 20;

let opened = 0;

/**
 * The index files that were found damaged while being read: path of the index, identity of the
 * file.
 */
const damagedIndexes = new LRUCache<string, string>({ max: 1000 });

/**
 * Records that the index at a path is damaged. Readers that have it open are no longer current.
 * Readers opened later fold the log instead, until the index file is replaced.
 */
export function doubtIndex({ path }: IndexError): void {
  damagedIndexes.set(path, identityOf(path) ?? '');
}

export class BackupReader {
  readonly path: string;
  /**
   * A number that is unique in this thread and never reused. An inode number, by contrast, may be
   * reused as soon as its file is closed and gone.
   */
  readonly serial = ++opened;
  readonly index: IndexFile;
  /**
   * The inode number of the open data file. If the file at the path has another one, it was
   * replaced.
   */
  readonly inode: bigint;
  readonly #data: SharedRead;
  /**
   * Identifies the open index file. If the file at the path has another identity, it was replaced.
   */
  readonly indexIdentity: string | null;
  /**
   * The reason why the log is read instead of the index, if this reader found the index damaged;
   * else null.
   */
  indexFault: string | null = null;
  /**
   * The number of bytes of the data file that were folded, if the log was folded into memory; else
   * null.
   */
  readonly #foldedBytes: number | null;
  #lastBlock: Block | undefined;
  #blocksAhead: readonly Block[] = [];

  /**
   * Opens the backup. With `isThorough`, checks the whole index first, so that no damaged page
   * turns up later.
   */
  constructor(path: string, { isThorough = false } = {}) {
    this.path = path;
    this.#data = SharedRead.open(path);
    try {
      this.inode = disk.exactFstat(this.fd).ino;
      this.indexIdentity = identityOf(indexPath(path));
      const index = this.#usableIndex(isThorough);
      this.#foldedBytes = index === null ? disk.fstat(this.fd).size : null;
      this.index = index ?? foldInMemory(this.fd, this.#foldedBytes ?? 0);
    } catch (error) {
      this.#data.close();
      throw asBackupError(error, path);
    }
  }

  #usableIndex(isThorough: boolean): IndexFile | null {
    const path = indexPath(this.path);
    if (isDamaged(this.path, this.indexIdentity)) return null;
    const index = IndexFile.open(path, 'read', ({ message }) => this.#doubt(message));
    if (index === null) return null;
    try {
      const [fault] = isThorough ? integrityFaults(index) : [];
      if (fault !== undefined) this.#doubt(fault);
      else if (belongs(index, this.fd)) return index;
    } catch (error) {
      const fault = faultOfIndex(error, path);
      if (fault === null) {
        index.close();
        throw error;
      }
      this.#doubt(fault);
    }
    index.close();
    return null;
  }

  #doubt(fault: string): void {
    this.indexFault = fault;
    damagedIndexes.set(indexPath(this.path), this.indexIdentity ?? '');
  }

  get fd(): number {
    return this.#data.fd;
  }

  /**
   * Returns the block that holds an uncompressed offset of a chunk: see blockAt() in
   * messageBytes.ts. Messages of one mailbox are adjacent, so the result is usually the same block
   * as in the last call. Committed bytes of a chunk never change, so a cached block stays valid.
   */
  blockAt(chunkId: number, offset: number): Block {
    const last = this.#lastBlock;
    if (last !== undefined && holds(last, chunkId, offset)) return last;
    const isNext = last?.chunkId === chunkId && offset >= last.end && offset < last.end + NEAR_BYTES;
    let block = isNext ? this.#blocksAhead.find((each) => holds(each, chunkId, offset)) : undefined;
    if (block === undefined) {
      block = blockAt(this.index, chunkId, offset);
      if (isNext) this.#blocksAhead = blocksFrom(this.index, chunkId, block.end, BLOCKS_AHEAD);
    }
    this.#lastBlock = block;
    return block;
  }

  /** Returns a part of a message's bytes: see readMessage(). */
  read(message: StoredMessage, offset: number, sizeBytes: number): Buffer {
    return readMessage(this.index, this.fd, message, offset, sizeBytes);
  }

  /**
   * Reports whether this reader is up to date. Both paths must still lead to the open files, and
   * the index must not be known to be damaged. If the log was folded into memory, it must not have
   * grown since.
   */
  isCurrent(): boolean {
    if (inodeOf(this.path) !== this.inode || identityOf(indexPath(this.path)) !== this.indexIdentity)
      return false;
    return this.#foldedBytes === null ? !this.isDoubted : disk.fstat(this.fd).size === this.#foldedBytes;
  }

  /** Reports whether the open index was found damaged: see doubtIndex(). */
  get isDoubted(): boolean {
    return damagedIndexes.size > 0 && this.#foldedBytes === null && isDamaged(this.path, this.indexIdentity);
  }

  close(): void {
    this.index.close();
    this.#data.close();
  }
}

function isDamaged(path: string, identity: string | null): boolean {
  return damagedIndexes.get(indexPath(path)) === identity;
}

function holds(block: Block, chunkId: number, offset: number): boolean {
  return block.chunkId === chunkId && offset >= block.start && offset < block.end;
}

function foldInMemory(fd: number, sizeBytes: number): IndexFile {
  const index = IndexFile.create(':memory:');
  try {
    scan(index, fd, 0, sizeBytes);
    return index;
  } catch (error) {
    index.close();
    throw error;
  }
}

function inodeOf(path: string): bigint | null {
  return disk.exactStat(path)?.ino ?? null;
}

/**
 * Returns a text that identifies the file at a path. It includes the creation time, because an
 * inode number may be reused as soon as its file is gone.
 */
function identityOf(path: string): string | null {
  const stats = disk.exactLstat(path);
  return stats === undefined ? null : `${stats.ino} ${stats.birthtimeNs}`;
}
