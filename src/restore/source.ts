/**
 * The backup that is restored from: one user's, at one moment, as a steady snapshot while a master goes on writing to
 * it. Records come in pages and messages in pieces, so that no mailbox's size is a size in memory.
 */
import { createHash } from 'node:crypto';
import { BlockReader } from '../backup/blockReader.ts';
import { readMessage } from '../backup/content.ts';
import { futureNoteOf, requireKnown } from '../backup/clock.ts';
import { BackupReader } from '../backup/reader.ts';
import { BackupError } from '../errors.ts';
import { horizon } from '../index/horizon.ts';
import { itemsAt, recordsPage } from '../index/momentQueries.ts';
import { allMailboxes, goneMailboxesAt, mailboxesAt, messageByGuid } from '../index/queries.ts';
import type { RecordWithGuid } from '../index/queries.ts';
import type { Item, ItemKind, Mailbox } from '../index/types.ts';
import { backupUseridOf } from '../mailbox/names.ts';

export type SourceRecord = RecordWithGuid;

const PAGE_RECORDS = 1000;
const PIECE_BYTES = 256 * 1024;

export class RestoreSource {
  readonly userid: string;
  /** Unix seconds; null: as the backup is now. */
  readonly time: number | null;
  readonly reader: BackupReader;
  readonly #release: () => void;
  readonly #blocks: BlockReader;

  /** `userid` null: the mailboxes tell. */
  constructor(userid: string | null, path: string, time: number | null) {
    this.time = time;
    this.reader = new BackupReader(path, { isThorough: true });
    this.#blocks = new BlockReader(this.reader.index);
    this.#release = this.reader.index.holdSnapshot();
    this.userid = userid ?? backupUseridOf(this.knownMailboxes()[0]?.name ?? '');
    try {
      if (time !== null) requireKnown(this.reader.index, time, this.userid);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Throws 'not-found' where a compaction has dropped what was at a time. Before its first line a backup had nothing to lose. */
  requireNotCompacted(time: number): void {
    if (horizon(this.reader.index) > 0) requireKnown(this.reader.index, time, this.userid);
  }

  /** Why what was at a time cannot be known for certain; null where it can. */
  doubtOf(time: number | null): string | null {
    return time === null ? null : futureNoteOf(this.reader.index);
  }

  /** Mailboxes that lived at the moment, DELETED ones too, by name. */
  mailboxes(): Mailbox[] {
    return mailboxesAt(this.reader.index, this.time ?? Number.MAX_SAFE_INTEGER);
  }

  /** Mailboxes that had gone for good (UNMAILBOX) by the moment, as they were last, by name. */
  goneMailboxes(): Mailbox[] {
    return goneMailboxesAt(this.reader.index, this.time ?? Number.MAX_SAFE_INTEGER);
  }

  /** Every mailbox that the backup still knows, as it is now or was last. */
  knownMailboxes(): Mailbox[] {
    return [...allMailboxes(this.reader.index)];
  }

  /** All records of a mailbox by UID, expunged ones too, as they were at the moment or at another one. */
  *records(mailbox: Mailbox, time = this.time): Generator<SourceRecord> {
    let after = 0;
    for (;;) {
      const page = recordsPage(this.reader.index, mailbox.id, time, after, PAGE_RECORDS);
      yield* page;
      if (page.length < PAGE_RECORDS) return;
      after = page.at(-1)?.uid ?? after;
    }
  }

  items(kind: ItemKind): Item[] {
    return itemsAt(this.reader.index, kind, this.time);
  }

  /** A message's bytes in pieces, unchecked. Throws 'not-found' where they are not here, 'damaged'. */
  *pieces(guid: string): Generator<Buffer> {
    const message = messageByGuid(this.reader.index, guid);
    if (message === undefined) throw new BackupError('not-found', `no message ${guid} in this backup`);
    for (let at = 0; at < message.size || at === 0; at += PIECE_BYTES) {
      yield readMessage(this.reader.index, this.reader.fd, message, at, PIECE_BYTES, this.#blocks.load);
    }
  }

  /** A whole message, for small ones. Throws as pieces, and 'damaged' where it is not what its GUID says. */
  message(guid: string): Buffer {
    const bytes = Buffer.concat([...this.pieces(guid)]);
    if (createHash('sha1').update(bytes).digest('hex') !== guid) throw damaged(guid);
    return bytes;
  }

  /** Reads a message to its end without keeping it. Throws as message. */
  check(guid: string): void {
    const hash = createHash('sha1');
    for (const piece of this.pieces(guid)) hash.update(piece);
    if (hash.digest('hex') !== guid) throw damaged(guid);
  }

  close(): void {
    this.#blocks.close();
    this.#release();
    this.reader.close();
  }
}

/** Throws 'not-found' where the backup knows the message and does not have it: for plans, which read none. */
export function requireBytes({ chunk_id: chunkId }: SourceRecord): void {
  if (chunkId === null) throw new BackupError('not-found', 'its bytes are not in this backup');
}

function damaged(guid: string): BackupError {
  return new BackupError('damaged', `message ${guid}: its bytes are not those of its GUID`, {
    subject: guid,
  });
}
