/**
 * The backup to restore from: one user's, at one point in time. It is a stable snapshot, even while
 * a master writes to the backup. Records are read in pages and messages in pieces, so memory use
 * does not depend on the size of a mailbox.
 */
import { createHash } from 'node:crypto';
import { BlockReader } from '../backup/read/blockReader.ts';
import { readMessage } from '../backup/read/messageBytes.ts';
import { futureNoteOf, requireKnown } from '../backup/clock.ts';
import { BackupReader } from '../backup/reader.ts';
import { BackupError } from '../errors.ts';
import { horizon } from '../index/queries/horizon.ts';
import { itemsAt } from '../index/queries/items.ts';
import { allMailboxes, goneMailboxesAt, mailboxesAt } from '../index/queries/mailboxes.ts';
import { messageByGuid } from '../index/queries/messages.ts';
import { recordsOf } from '../index/queries/records.ts';
import type { RecordWithGuid } from '../index/queries/records.ts';
import type { Item, ItemKind, LiveMailbox, Mailbox } from '../index/types.ts';
import { backupUseridOf } from '../mailbox/names.ts';

export type SourceRecord = RecordWithGuid;

const PIECE_BYTES = 256 * 1024;
/** A larger message is read twice instead of being kept in memory. */
const WHOLE_BYTES = 16 << 20;

export class RestoreSource {
  readonly userid: string;
  /** Unix seconds; null: the backup's current state. */
  readonly time: number | null;
  readonly reader: BackupReader;
  readonly #release: () => void;
  readonly #blocks: BlockReader;

  /**
   * If `userid` is null, it is derived from the mailboxes. A caller that reads little of the index
   * may skip its check (`isThorough: false`), and must expect 'damaged' from any query.
   */
  constructor(userid: string | null, path: string, time: number | null, { isThorough = true } = {}) {
    this.time = time;
    this.reader = new BackupReader(path, { isThorough });
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

  /**
   * Throws 'not-found' if a compaction has dropped the history of that time. A time before the
   * backup's first line is accepted: no history could be lost.
   */
  requireNotCompacted(time: number): void {
    if (horizon(this.reader.index) > 0) requireKnown(this.reader.index, time, this.userid);
  }

  /** Returns why the state at a time is not certain; null if the state is certain. */
  doubtOf(time: number | null): string | null {
    return time === null ? null : futureNoteOf(this.reader.index);
  }

  /** Returns the mailboxes that existed at the chosen time, including DELETED ones, by name. */
  mailboxes(): Mailbox[] {
    return mailboxesAt(this.reader.index, this.time ?? Number.MAX_SAFE_INTEGER);
  }

  /**
   * Returns the mailboxes removed completely (UNMAILBOX) by the chosen time, in their last state,
   * by name.
   */
  goneMailboxes(): Mailbox[] {
    return goneMailboxesAt(this.reader.index, this.time ?? Number.MAX_SAFE_INTEGER);
  }

  /** Returns every mailbox that the backup still knows, in its current or last state. */
  knownMailboxes(): LiveMailbox[] {
    return [...allMailboxes(this.reader.index)];
  }

  /** Yields all records of a mailbox by UID, including expunged ones, as they were at `time`. */
  records(mailbox: Mailbox, time = this.time): Generator<SourceRecord> {
    return recordsOf(this.reader.index, mailbox.id, time);
  }

  items(kind: ItemKind): Item[] {
    return itemsAt(this.reader.index, kind, this.time);
  }

  /**
   * Yields a message's bytes in pieces, unchecked. Throws 'not-found' if the backup does not have
   * them, and 'damaged'.
   */
  *pieces(guid: string): Generator<Buffer> {
    const message = messageByGuid(this.reader.index, guid);
    if (message === undefined) throw new BackupError('not-found', `no message ${guid} in this backup`);
    for (let at = 0; at < message.size || at === 0; at += PIECE_BYTES) {
      yield readMessage(this.reader.index, this.reader.fd, message, at, PIECE_BYTES, this.#blocks.load);
    }
  }

  /**
   * Returns a whole message. Intended for small messages. Throws like `pieces`, and 'damaged' if
   * the bytes do not match the GUID.
   */
  message(guid: string): Buffer {
    const bytes = Buffer.concat([...this.pieces(guid)]);
    if (createHash('sha1').update(bytes).digest('hex') !== guid) throw damaged(guid);
    return bytes;
  }

  /**
   * Checks a message of any size now, and returns a function that reads it. Throws like `message`.
   */
  checked(guid: string, sizeBytes: number): () => Iterable<Buffer> {
    if (sizeBytes > WHOLE_BYTES) {
      this.check(guid);
      return () => this.pieces(guid);
    }
    const bytes = this.message(guid);
    return () => [bytes];
  }

  /** Reads a message to its end without keeping it. Throws like `message`. */
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

/**
 * Throws 'not-found' if the backup knows the message but lacks its bytes. Plans use it, since they
 * read no messages.
 */
export function requireBytes({ chunkId }: SourceRecord): void {
  if (chunkId === null) throw new BackupError('not-found', 'its bytes are not in this backup');
}

function damaged(guid: string): BackupError {
  return new BackupError('damaged', `message ${guid}: its bytes are not those of its GUID`, {
    subject: guid,
  });
}
