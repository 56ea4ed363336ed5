/**
 * A thread that reads ahead: it inflates the blocks of files that somebody is about to read, and puts the files into the
 * kernel's cache (FUSE_NOTIFY_STORE).
 *
 * Putting a page there waits for whoever has asked for just that page and has no answer yet. So it must not be done by the thread that
 * answers, which in turn waits here for nothing but the inflating of a block.
 */
import { fstatSync, writevSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import { sha1Of } from '../../../src/backup/read/messageBytes.ts';
import { SharedRead } from '../../../src/fs/lockedFile.ts';
import { inflateBlock, readCompressedBlock } from '../../../src/log/read/blocks.ts';
import { SharedBlocksWriter } from '../../content/sharedBlocks.ts';
import { blockAt, fileAt, fileCount, fileNumber } from '../../content/prefetchList.ts';
import type { Upcoming, UpcomingFile } from '../../content/prefetchList.ts';
import type { Stretch } from './prefetcher.ts';
import { STORE_HEADER_BYTES, writeStore } from '../wire/structs.ts';

export interface AheadOptions {
  readonly fd: number;
  readonly memory: SharedArrayBuffer;
  readonly port: MessagePort;
}

const { fd, memory, port } = workerData as AheadOptions;
const blocks = new SharedBlocksWriter(memory);
const header = Buffer.alloc(STORE_HEADER_BYTES);

/** Throws what cannot be read, or not be told: an inode that the kernel does not know any more is ENOENT. */
function storeAll({ placeNumber, firstBlock, leftOut, work, upcoming }: Stretch): void {
  // Not kept open: what a compaction has replaced would go on taking its room on the disk.
  const file = SharedRead.open(upcoming.dataFile);
  try {
    if (fstatSync(file.fd, { bigint: true }).ino !== upcoming.inode) return;
    const blockOf = blockLoader(file.fd, firstBlock, upcoming);
    for (let at = 0; at < fileCount(upcoming); at += 1) {
      const number = fileNumber(upcoming, at);
      if (number === leftOut || number <= blocks.passed(work)) continue;
      const upcomingFile = fileAt(upcoming, at);
      store(placeNumber, upcomingFile, contentOf(upcomingFile, blockOf));
    }
  } finally {
    file.close();
  }
}

type BlockOf = (place: number) => Buffer;

/**
 * Files that follow one another mostly are in the same block. The thread that answers may wait for a block that is being inflated: so the disk is
 * waited for before.
 */
function blockLoader(dataFd: number, firstBlock: number, upcoming: Upcoming): BlockOf {
  let have: { readonly place: number; readonly bytes: Buffer } | undefined;
  return (place) => {
    if (have?.place === place) return have.bytes;
    const { fileOffset, fileEnd, sizeBytes } = blockAt(upcoming, place);
    const [start, end] = [
      { offset: 0, fileOffset },
      { offset: sizeBytes, fileOffset: fileEnd },
    ];
    const compressed = readCompressedBlock(dataFd, start, end);
    const bytes = blocks.put(firstBlock + place, (room) => inflateBlock(compressed, start, end, room));
    have = { place, bytes };
    return bytes;
  };
}

/** For what comes from more than one block: the first one's room is given to another before long. */
let gathered = Buffer.alloc(0);

function contentOf({ block: first, offsetInBlock, sizeBytes }: UpcomingFile, blockOf: BlockOf): Buffer {
  const bytes = blockOf(first);
  if (offsetInBlock + sizeBytes <= bytes.length)
    return bytes.subarray(offsetInBlock, offsetInBlock + sizeBytes);
  if (gathered.length < sizeBytes) gathered = Buffer.allocUnsafeSlow(sizeBytes);
  let at = bytes.copy(gathered, 0, offsetInBlock);
  for (let place = first + 1; at < sizeBytes; place += 1) {
    const copied = blockOf(place).copy(gathered, at, 0, sizeBytes - at);
    if (copied === 0) throw new Error('a file goes on in a block without bytes');
    at += copied;
  }
  return gathered.subarray(0, sizeBytes);
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
