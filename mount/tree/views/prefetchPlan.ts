/**
 * Plans which messages of a folder to prefetch next. Consecutive messages are usually adjacent in
 * the log, and one block holds several. The plan contains only messages that are quick to load and
 * known to be undamaged. All other messages are read on demand.
 */
import type { Block } from '../../../src/backup/read/messageBytes.ts';
import type { BackupReader } from '../../../src/backup/reader.ts';
import { BackupError } from '../../../src/errors.ts';
import type { LocatedUid } from '../../../src/index/queries/records.ts';
import { LONGEST_SHARED_BYTES } from '../../content/sharedBlocks.ts';
import { PrefetchPlanBuilder } from '../../content/prefetchList.ts';
import type { PrefetchPlanWithKeys } from '../../content/prefetchList.ts';
import { blockKey } from './blockLocation.ts';
import type { MailView } from './mailView.ts';
import type { StructureFolder } from './structure.ts';

const MOST_MESSAGES = 512;
const PAGE_RECORDS = 64;

/**
 * Plans the messages after a UID, up to about `maxBytes` of blocks in total. Messages longer than
 * `largestBytes` are left out.
 */
export function prefetchMessages(
  view: MailView,
  folder: StructureFolder,
  afterUid: number,
  maxBytes: number,
  largestBytes: number,
): PrefetchPlanWithKeys {
  const reader = view.reader();
  const plan = new Plan(reader, maxBytes, largestBytes);
  for (let after = afterUid, isOver = false; !isOver;) {
    const page = view.locationsPage(folder, after, PAGE_RECORDS);
    isOver = !page.every((record) => plan.add(record)) || page.length < PAGE_RECORDS;
    after = page.at(-1)?.[0] ?? after;
  }
  return plan.builder.finish(reader.path, reader.inode);
}

class Plan {
  readonly builder = new PrefetchPlanBuilder();
  readonly #reader: BackupReader;
  readonly #largestBytes: number;
  #leftBytes: number;
  #last: Block | undefined;
  #lastPlace = 0;

  constructor(reader: BackupReader, maxBytes: number, largestBytes: number) {
    this.#reader = reader;
    this.#leftBytes = maxBytes;
    this.#largestBytes = largestBytes;
  }

  /**
   * Adds a message, and returns false if the plan is full. Damaged messages are left out, because
   * the damage is reported when a program reads them.
   */
  add([number, sizeBytes, messageSize, chunkId, offset, sha1]: LocatedUid): boolean {
    const isGood = chunkId !== null && offset !== null && messageSize === sizeBytes;
    if (!isGood || sizeBytes === 0 || sizeBytes > this.#largestBytes) return true;
    const blocks = this.#blocksOf(chunkId, offset, offset + sizeBytes);
    const [first] = blocks;
    if (first === undefined) return true;
    // The plan is full, and this message begins in a new block: the next plan begins with it.
    if (this.#leftBytes <= 0 && !this.#isLast(first)) return false;
    const block = this.#addBlocks(blocks);
    this.builder.addFile({ number, sizeBytes, block, offsetInBlock: offset - first.start, sha1 });
    return this.builder.fileCount < MOST_MESSAGES;
  }

  /** Returns the blocks that hold a message. Returns none if one of the blocks is slow to load. */
  #blocksOf(chunkId: number, start: number, end: number): Block[] {
    const blocks: Block[] = [];
    try {
      for (let at = start; at < end;) {
        const block = this.#reader.blockAt(chunkId, at);
        // A slow block lies in a long stretch without flush points, as in chunks written by the
        // original backupd. Loading the window of such a block costs more than prefetching gains.
        const isQuick = block.isExact && block.end - block.start <= LONGEST_SHARED_BYTES;
        if (!isQuick) return [];
        blocks.push(block);
        at = block.end;
      }
      return blocks;
    } catch (error) {
      if (error instanceof BackupError && error.kind === 'damaged') return [];
      throw error;
    }
  }

  /**
   * Adds blocks and returns the position of the first one. If a block appears again after other
   * blocks, it is loaded and counted again.
   */
  #addBlocks(blocks: readonly Block[]): number {
    const [first = 0] = blocks.map((block) =>
      this.#isLast(block) ? this.#lastPlace : this.#addBlock(block),
    );
    return first;
  }

  #isLast({ chunkId, start }: Block): boolean {
    return this.#last?.chunkId === chunkId && this.#last.start === start;
  }

  #addBlock(block: Block): number {
    const { from, fileEnd, start, end } = block;
    this.#leftBytes -= end - start;
    this.#last = block;
    this.#lastPlace = this.builder.addBlock(blockKey(this.#reader, block), {
      fileOffset: from.fileOffset,
      fileEnd,
      sizeBytes: end - start,
    });
    return this.#lastPlace;
  }
}
