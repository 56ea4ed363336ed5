/**
 * One user's backup, opened for looking: it locks nothing, writes nothing, and never makes a writer wait.
 *
 * The index in WAL mode gives a steady snapshot beside the writer; the data file only grows behind it. A compaction or
 * reindex puts other files under the names: `isCurrent` tells, and whoever looks opens anew, while what is open here
 * stays as it was. Where the index is not ours or not of this file (the originals'), the log is folded into memory.
 */
import { fstatSync, statSync } from 'node:fs';
import { SharedRead } from '../fs/lockedFile.ts';
import { asBackupError } from '../errors.ts';
import { IndexFile } from '../index/indexFile.ts';
import type { StoredMessage } from '../index/types.ts';
import { blockAt, blocksFrom, readMessage } from './content.ts';
import type { Block } from './content.ts';
import { belongs } from './openIndex.ts';
import { indexPath } from './options.ts';
import { walk } from './walk.ts';

/** Who reads on in a chunk is told where its blocks are by one look into the index for so many. */
const BLOCKS_AHEAD = 64;
const NEAR_BYTES = 1 << 20;

let opened = 0;

export class BackupReader {
  readonly path: string;
  /** Never given again in this thread, as an inode number is: to another file, as soon as the one that had it is closed. */
  readonly serial = ++opened;
  readonly index: IndexFile;
  /** Names the data file itself, not its name: another when another file takes the name. */
  readonly inode: bigint;
  readonly #data: SharedRead;
  /** Likewise the index's. */
  readonly indexInode: bigint | null;
  /** The size that was folded, where the index is in memory. */
  readonly #foldedBytes: number | null;
  #lastBlock: Block | undefined;
  #blocksAhead: readonly Block[] = [];

  constructor(path: string) {
    this.path = path;
    this.#data = SharedRead.open(path);
    try {
      this.inode = fstatSync(this.fd, { bigint: true }).ino;
      this.indexInode = inodeOf(indexPath(path));
      const index = IndexFile.open(indexPath(path), 'read');
      const isUsable = index !== null && belongs(index, this.fd);
      if (!isUsable) index?.close();
      this.#foldedBytes = isUsable ? null : fstatSync(this.fd).size;
      this.index = isUsable ? index : foldInMemory(this.fd, this.#foldedBytes ?? 0);
    } catch (error) {
      this.#data.close();
      throw asBackupError(error, path);
    }
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
    const isSame = inodeOf(this.path) === this.inode && inodeOf(indexPath(this.path)) === this.indexInode;
    return isSame && (this.#foldedBytes === null || fstatSync(this.fd).size === this.#foldedBytes);
  }

  close(): void {
    this.index.close();
    this.#data.close();
  }
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
