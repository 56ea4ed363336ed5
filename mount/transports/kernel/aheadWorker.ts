/**
 * A thread that reads ahead: it inflates the blocks of files that somebody is about to read, and puts the files into the
 * kernel's cache (FUSE_NOTIFY_STORE).
 *
 * Putting a page there waits for whoever has asked for just that page and has no answer yet. So it must not be done by the thread that
 * answers, which in turn waits here for nothing but the inflating of a block.
 */
import { fstatSync, readSync, writevSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import { loadBlock, sha1Of } from '../../../src/backup/content.ts';
import type { Block } from '../../../src/backup/content.ts';
import { SharedRead } from '../../../src/catalog/lockedFile.ts';
import { LONGEST_SHARED_BYTES, SharedBlocksWriter } from '../../content/sharedBlocks.ts';
import type { Upcoming, UpcomingBlock, UpcomingFile } from '../../tree.ts';
import { isInPageCache } from './libc.ts';
import type { Stretch } from './readAhead.ts';
import { STORE_HEADER_BYTES, writeStore } from './structs.ts';

export interface AheadOptions {
  readonly fd: number;
  readonly memory: SharedArrayBuffer;
  readonly port: MessagePort;
}

const { fd, memory, port } = workerData as AheadOptions;
const blocks = new SharedBlocksWriter(memory);
const header = Buffer.alloc(STORE_HEADER_BYTES);

/** Throws what cannot be read, or not be told: an inode that the kernel does not know any more is ENOENT. */
function storeAll({ placeNumber, firstBlock, upcoming }: Stretch): void {
  const { dataFile, inode, files } = upcoming;
  // Not kept open: what a compaction has replaced would go on taking its room on the disk.
  const file = SharedRead.open(dataFile);
  try {
    if (fstatSync(file.fd, { bigint: true }).ino !== inode) return;
    const blockOf = blockLoader(file.fd, firstBlock, upcoming);
    for (const each of files) store(placeNumber, each, contentOf(each, blockOf));
  } finally {
    file.close();
  }
}

type BlockOf = (wanted: number) => Buffer;

/** Files that follow one another mostly are in the same block. */
function blockLoader(dataFd: number, firstBlock: number, upcoming: Upcoming): BlockOf {
  let have: { readonly number: number; readonly bytes: Buffer } | undefined;
  return (number) => {
    if (have?.number === number) return have.bytes;
    const { block } = upcoming.blocks[number] as UpcomingBlock;
    fetch(dataFd, block);
    const bytes = blocks.put(firstBlock + number, (room) => loadBlock(dataFd, block, room));
    have = { number, bytes };
    return bytes;
  };
}

const scratch = Buffer.allocUnsafeSlow(LONGEST_SHARED_BYTES);

/** The thread that answers may wait for a block that is being inflated: so it must not be the disk that is waited for. */
function fetch(dataFd: number, { from, fileEnd }: Block): void {
  const bytes = Math.min(scratch.length, fileEnd - from.fileOffset);
  if (!isInPageCache(dataFd, fileEnd - 1)) readSync(dataFd, scratch, 0, bytes, from.fileOffset);
}

/** What comes from more than one block is copied: the first one's room is given to another before long. */
function contentOf({ parts }: UpcomingFile, blockOf: BlockOf): Buffer {
  const [only, ...others] = parts;
  if (only !== undefined && others.length === 0) return blockOf(only.block).subarray(only.from, only.to);
  return Buffer.concat(parts.map(({ block, from, to }) => Buffer.from(blockOf(block).subarray(from, to))));
}

/**
 * At once to its end: of a page that is written in two pieces the kernel would not know that it is whole. What is damaged is left to the
 * thread that answers, which tells who asks.
 */
function store(placeNumber: number, { number, sizeBytes, sha1 }: UpcomingFile, content: Buffer): void {
  if (sha1Of(content) !== sha1) return;
  writeStore(header, placeNumber, number, sizeBytes);
  writevSync(fd, [header, content]);
}

port.on('message', (stretch: Stretch) => {
  try {
    storeAll(stretch);
  } catch {
    // Nobody has asked yet: whoever does is told what is wrong.
  } finally {
    blocks.noteDone();
  }
});
