/**
 * A prefetch thread. It inflates the blocks of files that are about to be read, and puts the files
 * into the kernel's cache (FUSE_NOTIFY_STORE).
 *
 * Storing a page blocks while a request for that page is unanswered. So the answering thread must
 * not store pages. The answering thread waits for a prefetch thread only while that thread inflates
 * a block.
 */
import { writevSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import { sha1Of } from '../../../src/backup/read/messageBytes.ts';
import { disk } from '../../../src/fs/disk/current.ts';
import { SharedRead } from '../../../src/fs/lockedFile.ts';
import { inflateBlock, readCompressedBlock } from '../../../src/log/read/blocks.ts';
import { SharedBlocksWriter } from '../../content/sharedBlocks.ts';
import { blockAt, fileAt, fileCount, fileNumber } from '../../content/prefetchList.ts';
import type { PrefetchPlan, PrefetchFile } from '../../content/prefetchList.ts';
import type { PrefetchBatch } from './prefetcher.ts';
import { STORE_HEADER_BYTES, writeStore } from '../wire/structs.ts';

export interface PrefetchOptions {
  readonly fd: number;
  readonly memory: SharedArrayBuffer;
  readonly port: MessagePort;
}

const { fd, memory, port } = workerData as PrefetchOptions;
const blocks = new SharedBlocksWriter(memory);
const header = Buffer.alloc(STORE_HEADER_BYTES);

/**
 * Stores all files of a batch in the kernel's cache. Throws if one cannot be read or stored. ENOENT
 * means that the kernel no longer knows the inode.
 */
function storeAll({ referenceNumber, firstBlock, leftOut, work, upcoming }: PrefetchBatch): void {
  // The data file is opened for each batch. If it were kept open, it would use disk space even
  // after a compaction has replaced it.
  const file = SharedRead.open(upcoming.dataFile);
  try {
    if (disk.exactFstat(file.fd).ino !== upcoming.inode) return;
    const blockOf = blockLoader(file.fd, firstBlock, upcoming);
    for (let at = 0; at < fileCount(upcoming); at += 1) {
      const number = fileNumber(upcoming, at);
      if (number === leftOut || number <= blocks.passed(work)) continue;
      const prefetchFile = fileAt(upcoming, at);
      store(referenceNumber, prefetchFile, contentOf(prefetchFile, blockOf));
    }
  } finally {
    file.close();
  }
}

type BlockOf = (place: number) => Buffer;

/**
 * Returns a function that loads a block. The last block is kept, because consecutive files are
 * mostly in the same block. The answering thread may wait while a block is being inflated, so the
 * data is read from the disk before that.
 */
function blockLoader(dataFd: number, firstBlock: number, upcoming: PrefetchPlan): BlockOf {
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

/**
 * A buffer for a file that spans several blocks. The file is copied here, because the memory of its
 * first block is soon reused.
 */
let gathered = Buffer.alloc(0);

function contentOf({ block: first, offsetInBlock, sizeBytes }: PrefetchFile, blockOf: BlockOf): Buffer {
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
 * Stores a whole file in the kernel's cache with one write. If a page were written in two pieces,
 * the kernel would not treat it as complete. A damaged file is skipped, and the answering thread
 * reports the damage when the file is read.
 */
function store(referenceNumber: number, { number, sizeBytes, sha1 }: PrefetchFile, content: Buffer): void {
  if (sha1Of(content) !== sha1) return;
  writeStore(header, referenceNumber, number, sizeBytes);
  writevSync(fd, [header, content]);
}

port.on('message', (stretch: PrefetchBatch) => {
  try {
    storeAll(stretch);
  } catch {
    // The error is ignored, because no request depends on prefetching. A later read reports it.
  } finally {
    blocks.noteDone();
  }
});
