/**
 * The messages that come next in a folder, for reading ahead: in the log they mostly lie side by side, and one block holds several.
 * Only what is quick to have and surely right is named; the rest is read when somebody asks for it.
 */
import type { BackupReader } from '../../src/backup/reader.ts';
import { BackupError } from '../../src/errors.ts';
import type { RecordWithGuid } from '../../src/index/queries.ts';
import type { Upcoming, UpcomingBlock, UpcomingFile } from '../tree.ts';
import { blockKey } from './blockLocation.ts';
import type { MailView } from './mailView.ts';
import { storedMessage } from './message.ts';
import type { StructureFolder } from './structure.ts';

/** The kernel reads longer ones ahead by itself, and who looks into a header only should not have them inflated. */
const LARGEST_MESSAGE_BYTES = 128 * 1024;
/** Blocks that are cut out of longer ones (the originals' compacted chunks) cost more than they hold. */
export const LARGEST_UPCOMING_BLOCK_BYTES = 256 * 1024;
const MOST_MESSAGES = 256;
const PAGE_RECORDS = 64;

/** Those behind a UID, in blocks of about `maxBytes` together. */
export function upcomingMessages(
  view: MailView,
  folder: StructureFolder,
  afterUid: number,
  maxBytes: number,
): Upcoming {
  const reader = view.reader();
  const plan = new Plan(reader);
  let after = afterUid;
  while (plan.bytes < maxBytes && plan.files.length < MOST_MESSAGES) {
    const page = view.fullPage(folder, after, PAGE_RECORDS);
    for (const record of page) {
      if (plan.bytes >= maxBytes) break;
      plan.add(record);
    }
    if (page.length < PAGE_RECORDS) break;
    after = page.at(-1)?.uid ?? after;
  }
  return { dataFile: reader.path, inode: reader.inode, blocks: plan.blocks, files: plan.files };
}

class Plan {
  readonly blocks: UpcomingBlock[] = [];
  readonly files: UpcomingFile[] = [];
  /** Of the blocks. */
  bytes = 0;
  readonly #reader: BackupReader;

  constructor(reader: BackupReader) {
    this.#reader = reader;
  }

  add(record: RecordWithGuid): void {
    if (record.size === 0 || record.size > LARGEST_MESSAGE_BYTES) return;
    const parts = this.#partsOf(record);
    if (parts !== undefined) this.files.push({ number: record.uid, sizeBytes: record.size, parts });
  }

  /** Undefined where it is damaged: who reads it is told. */
  #partsOf(record: RecordWithGuid): UpcomingFile['parts'] | undefined {
    try {
      const { chunk_id: chunkId, offset } = storedMessage(this.#reader, record);
      const end = offset + record.size;
      const parts: { block: number; from: number; to: number }[] = [];
      for (let at = offset; at < end;) {
        const block = this.#reader.blockAt(chunkId, at);
        const isQuick = block.isExact && block.end - block.start <= LARGEST_UPCOMING_BLOCK_BYTES;
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

  /** What comes again after others was another folder's, or an older copy's: it counts, and is loaded, anew. */
  #numberOf(block: UpcomingBlock['block']): number {
    const key = blockKey(this.#reader, block);
    if (this.blocks.at(-1)?.key !== key) {
      this.blocks.push({ key, block });
      this.bytes += block.end - block.start;
    }
    return this.blocks.length - 1;
  }
}
