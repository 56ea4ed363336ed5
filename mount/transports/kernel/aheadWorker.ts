/**
 * The thread that reads ahead: it inflates the blocks of files that somebody is about to read, and puts the files into the
 * kernel's cache (FUSE_NOTIFY_STORE).
 *
 * Putting a page there waits for whoever has asked for just that page and has no answer yet. So it must not be done by the thread that
 * answers, which in turn waits here for nothing but the inflating of a block.
 */
import { fstatSync, writevSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import { LRUCache } from 'lru-cache';
import { loadBlock } from '../../../src/backup/content.ts';
import { SharedRead } from '../../../src/catalog/lockedFile.ts';
import { SharedBlocksWriter } from '../../content/sharedBlocks.ts';
import type { Upcoming, UpcomingFile } from '../../tree.ts';
import type { Stretch } from './readAhead.ts';
import { STORE_HEADER_BYTES, writeStore } from './structs.ts';

export interface AheadOptions {
  readonly fd: number;
  readonly memory: SharedArrayBuffer;
  readonly port: MessagePort;
}

const OPEN_FILES = 8;

const { fd, memory, port } = workerData as AheadOptions;
const blocks = new SharedBlocksWriter(memory);
const header = Buffer.alloc(STORE_HEADER_BYTES);
const opened = new LRUCache<bigint, SharedRead>({ max: OPEN_FILES, dispose: (file) => file.close() });

/** Undefined where there is another file under the name by now. */
function openFile({ dataFile, inode }: Upcoming): SharedRead | undefined {
  const known = opened.get(inode);
  if (known !== undefined) return known;
  const file = SharedRead.open(dataFile);
  if (fstatSync(file.fd, { bigint: true }).ino === inode) {
    opened.set(inode, file);
    return file;
  }
  file.close();
  return undefined;
}

function storeAll({ placeNumber, firstBlock, upcoming }: Stretch): void {
  const file = openFile(upcoming);
  if (file === undefined) return;
  let have = -1;
  let bytes: Buffer = Buffer.alloc(0);
  const blockOf = (wanted: number): Buffer => {
    const block = upcoming.blocks[wanted]?.block;
    if (wanted === have || block === undefined) return bytes;
    bytes = blocks.put(firstBlock + wanted, (room) => loadBlock(file.fd, block, room));
    have = wanted;
    return bytes;
  };
  for (const each of upcoming.files) store(placeNumber, each, contentOf(each, blockOf));
}

function contentOf({ parts }: UpcomingFile, blockOf: (wanted: number) => Buffer): Buffer {
  const pieces = parts.map(({ block, from, to }) => {
    const piece = blockOf(block).subarray(from, to);
    return parts.length === 1 ? piece : Buffer.from(piece);
  });
  return pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
}

/** At once to its end: of a page that is written in two pieces the kernel would not know that it is whole. */
function store(placeNumber: number, { number, sizeBytes }: UpcomingFile, content: Buffer): void {
  writeStore(header, placeNumber, number, sizeBytes);
  writevSync(fd, [header, content]);
}

port.on('message', (stretch: Stretch) => {
  try {
    storeAll(stretch);
  } catch {
    // Nobody has asked: whoever does is told what is wrong.
  }
});
