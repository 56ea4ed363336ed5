/**
 * The messages that come next in a folder, for reading ahead: in the log they mostly lie side by side, and one block holds several.
 * Only what is quick to have and surely right is named; the rest is read when somebody asks for it.
 */
import type { BackupReader } from '../../src/backup/reader.ts';
import { BackupError } from '../../src/errors.ts';
import type { PlacedUid } from '../../src/index/momentQueries.ts';
import { LONGEST_SHARED_BYTES } from '../content/sharedBlocks.ts';
import type { Upcoming, UpcomingBlock, UpcomingFile } from '../tree.ts';
import { blockKey } from './blockLocation.ts';
import type { MailView } from './mailView.ts';
import type { StructureFolder } from './structure.ts';

const MOST_MESSAGES = 512;
const PAGE_RECORDS = 64;

/**
 * Who looks into headers only should not have longer ones inflated; and who reads those is served by the other thread meanwhile,
 * which is quicker than one after the other.
 */
const LARGEST_MESSAGE_BYTES = 128 * 1024;

/** Those behind a UID, in blocks of about `maxBytes` together. */
export function upcomingMessages(
  view: MailView,
  folder: StructureFolder,
  afterUid: number,
  maxBytes: number,
): Upcoming {
  const reader = view.reader();
  const plan = new Plan(reader, maxBytes);
  for (let after = afterUid, isOver = false; !isOver;) {
    const page = view.placesPage(folder, after, PAGE_RECORDS);
    isOver = !page.every((record) => plan.add(record)) || page.length < PAGE_RECORDS;
    after = page.at(-1)?.[0] ?? after;
  }
  return { dataFile: reader.path, inode: reader.inode, blocks: plan.blocks, files: plan.files };
}

class Plan {
  readonly blocks: UpcomingBlock[] = [];
  readonly files: UpcomingFile[] = [];
  readonly #reader: BackupReader;
  #leftBytes: number;

  constructor(reader: BackupReader, maxBytes: number) {
    this.#reader = reader;
    this.#leftBytes = maxBytes;
  }

  /** False: it is full. One that is damaged is left out: who reads it is told. */
  add([number, sizeBytes, messageSize, chunkId, offset, sha1]: PlacedUid): boolean {
    const isGood = chunkId !== null && offset !== null && messageSize === sizeBytes;
    if (!isGood || sizeBytes === 0 || sizeBytes > LARGEST_MESSAGE_BYTES) return true;
    const parts = this.#partsOf(chunkId, offset, offset + sizeBytes);
    if (parts !== undefined) this.files.push({ number, sizeBytes, sha1, parts });
    return this.#leftBytes > 0 && this.files.length < MOST_MESSAGES;
  }

  #partsOf(chunkId: number, start: number, end: number): UpcomingFile['parts'] | undefined {
    const parts: { block: number; from: number; to: number }[] = [];
    try {
      for (let at = start; at < end;) {
        const block = this.#reader.blockAt(chunkId, at);
        // Others are where there is no flush point for long: windows of the originals' chunks cost more than they hold.
        const isQuick = block.isExact && block.end - block.start <= LONGEST_SHARED_BYTES;
        if (!isQuick) return undefined;
        const to = Math.min(end, block.end);
        parts.push({ block: this.#numberOf(block), from: at - block.start, to: to - block.start });
        at = to;
      }
      return parts;
    } catch (error) {
      if (error instanceof BackupError && error.kind === 'damaged') return undefined;
      throw error;
    }
  }

  /** What comes again after others is loaded, and counts, anew. */
  #numberOf(block: UpcomingBlock['block']): number {
    const key = blockKey(this.#reader, block);
    if (this.blocks.at(-1)?.key !== key) {
      this.blocks.push({ key, block });
      this.#leftBytes -= block.end - block.start;
    }
    return this.blocks.length - 1;
  }
}
