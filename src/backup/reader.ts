/**
 * One user's backup, opened for looking: it locks nothing, writes nothing, and never makes a writer wait.
 *
 * The index in WAL mode gives a steady snapshot beside the writer; the data file only grows behind it. A compaction or
 * reindex puts other files under the names: `isCurrent` tells, and whoever looks opens anew, while what is open here
 * stays as it was. Where the index is not ours, not of this file (the originals') or damaged, the log is folded into
 * memory, until another index has taken its place.
 */
import { fstatSync, lstatSync, statSync } from 'node:fs';
import { LRUCache } from 'lru-cache';
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
import { walk } from './scan/scan.ts';

/** Who reads on in a chunk is told where its blocks are by one look into the index for so many. */
const BLOCKS_AHEAD = 64;
const NEAR_BYTES = 1 << 20;

let opened = 0;

/** Indexes that turned out to be damaged while they were read, by path: the identities of the files. */
const damagedIndexes = new LRUCache<string, string>({ max: 1000 });

/**
 * Notes that the index at a path is damaged: readers that have it open are not current any more, and those that are opened
 * next fold the log instead, until another file takes the name.
 */
export function doubtIndex({ path }: IndexError): void {
  damagedIndexes.set(path, identityOf(path) ?? '');
}

export class BackupReader {
  readonly path: string;
  /** Never given again in this thread, as an inode number is: to another file, as soon as the one that had it is closed. */
  readonly serial = ++opened;
  readonly index: IndexFile;
  /** Names the data file itself, not its name: another when another file takes the name. */
  readonly inode: bigint;
  readonly #data: SharedRead;
  /** Names the index file: another when another file takes the name. */
  readonly indexIdentity: string | null;
  /** Why the log is read instead of the index, where that is damaged and was not known to be. */
  indexFault: string | null = null;
  /** The size that was folded, where the index is in memory. */
  readonly #foldedBytes: number | null;
  #lastBlock: Block | undefined;
  #blocksAhead: readonly Block[] = [];

  /** `isThorough`: the index is read whole first, so that a damaged page does not show in the middle of the work. */
  constructor(path: string, { isThorough = false } = {}) {
    this.path = path;
    this.#data = SharedRead.open(path);
    try {
      this.inode = fstatSync(this.fd, { bigint: true }).ino;
      this.indexIdentity = identityOf(indexPath(path));
      const index = this.#usableIndex(isThorough);
      this.#foldedBytes = index === null ? fstatSync(this.fd).size : null;
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
   * The block that holds an uncompressed offset of a chunk; see blockAt. Messages of one mailbox lie side by side, so that it mostly is
   * the one that was asked for last; what was committed of a chunk stays as it is.
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

  /** A part of a message's bytes; see readMessage. */
  read(message: StoredMessage, offset: number, sizeBytes: number): Buffer {
    return readMessage(this.index, this.fd, message, offset, sizeBytes);
  }

  /** Whether both names still lead to what is open here, and it is all that there is. */
  isCurrent(): boolean {
    if (inodeOf(this.path) !== this.inode || identityOf(indexPath(this.path)) !== this.indexIdentity)
      return false;
    return this.#foldedBytes === null ? !this.isDoubted : fstatSync(this.fd).size === this.#foldedBytes;
  }

  /** The index that is open here turned out to be damaged: see doubtIndex. */
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
    walk(index, fd, 0, sizeBytes);
    return index;
  } catch (error) {
    index.close();
    throw error;
  }
}

function inodeOf(path: string): bigint | null {
  return statSync(path, { bigint: true, throwIfNoEntry: false })?.ino ?? null;
}

/** An inode number is given again as soon as its file is gone: the time at which the file was made tells one from the other. */
function identityOf(path: string): string | null {
  const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stats === undefined ? null : `${stats.ino} ${stats.birthtimeNs}`;
}
