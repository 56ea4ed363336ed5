/**
 * The content of an index that the timestamps from a horizon on need. Compaction keeps it.
 *
 * A version of a mailbox, record or item was valid from `since` until `until`.
 *
 * - A version is needed if its validity ends after the horizon.
 * - A record expunged by the horizon is not needed. The same applies to everything in a mailbox
 *   that was deleted by the horizon and not created again.
 * - From the time before the horizon, only the last version of each mailbox, record and item is
 *   needed, which is the state at the horizon.
 */
import { assert } from '../../errors.ts';
import type { IndexFile } from '../store/indexFile.ts';
import { itemEvents } from './items.ts';
import { mailboxAt } from './mailboxes.ts';
import { recordColumns, type RecordWithGuid } from './records.ts';
import type { Item, Mailbox } from '../types.ts';

/** Mailboxes that lived at the horizon or at any time after it. */
const neededMailboxesSql = `
  SELECT id FROM mailbox WHERE deleted IS NULL OR deleted > :horizon
  UNION SELECT id FROM mailbox_history WHERE until > :horizon AND deleted IS NULL`;

/** The index is open read-only, so the temp tables are stored in SQLite's own temporary files. */
const makeTables = [
  // The column gone says that the mailbox was deleted at the horizon and created again later.
  'CREATE TEMP TABLE IF NOT EXISTS needed_mailbox (id INTEGER PRIMARY KEY, gone INTEGER NOT NULL DEFAULT 0)',
  'CREATE TEMP TABLE IF NOT EXISTS needed_message (id INTEGER PRIMARY KEY)',
  `CREATE TEMP TABLE IF NOT EXISTS kept (chunk_id INTEGER, offset INTEGER, guid TEXT, size INTEGER,
                            PRIMARY KEY (chunk_id, offset)) WITHOUT ROWID`,
  // A slot's connection has the tables of the index before (../store/slot.ts).
  'DELETE FROM needed_mailbox',
  'DELETE FROM needed_message',
  'DELETE FROM kept',
];

const fillTables = [
  `INSERT INTO needed_mailbox (id) ${neededMailboxesSql}`,
  `UPDATE needed_mailbox SET gone = 1 WHERE id IN (
     SELECT id FROM mailbox WHERE since <= :horizon AND deleted IS NOT NULL
     UNION SELECT id FROM mailbox_history WHERE since <= :horizon AND until > :horizon AND deleted IS NOT NULL)`,
  `INSERT OR IGNORE INTO needed_message SELECT message_id FROM record
   WHERE (expunged IS NULL OR expunged > :horizon) AND mailbox_id IN (SELECT id FROM needed_mailbox)`,
  `INSERT OR IGNORE INTO needed_message SELECT message_id FROM record_history
   WHERE until > :horizon AND expunged IS NULL AND mailbox_id IN (SELECT id FROM needed_mailbox)`,
];
const fillKept = `INSERT INTO kept SELECT chunk_id, offset, guid, size FROM message JOIN needed_message USING (id)
  WHERE chunk_id IS NOT NULL`;

/** A message whose bytes are held, with its place. */
export interface KeptMessage {
  readonly guid: string;
  readonly size: number;
  /** Offset of the message's first byte, after decompression. */
  readonly offset: number;
}

/** The content of a MAILBOX line before the horizon, for one mailbox at one second. */
export interface MailboxEvent {
  readonly time: number;
  readonly mailboxId: number;
  /** Records that changed at that second and were unchanged from then to the horizon. */
  readonly records: readonly RecordWithGuid[];
  /**
   * Whether this is the mailbox's last event. From this event on, the mailbox has its state at the
   * horizon.
   */
  readonly isLast: boolean;
}

export interface MessageSums {
  readonly count: number;
  readonly bytes: number;
}

const eventColumns = (table: string): string => `${recordColumns(table)}, guid, chunk_id AS chunkId`;
/** A pseudo UID above all UIDs, so that a mailbox's own row comes after its records. */
const MAILBOX_ROW = 2 ** 40;
const mailboxRow = (since: string): string =>
  `id AS mailboxId, ${MAILBOX_ROW} AS uid, NULL AS modseq, 0 AS lastUpdated, 0 AS internaldate, 0 AS size, 0 AS messageId,
   '' AS flags, NULL AS annotations, NULL AS extra, NULL AS expunged, ${since} AS since, '' AS guid, NULL AS chunkId`;

/**
 * Selects the records that lived at the horizon, as they were then, each with the time of its last
 * change. For each mailbox, adds a row without a record that has the time of the mailbox's last
 * change. That row follows the records of the same time.
 */
const eventsSql = `
  SELECT ${eventColumns('record')} FROM record JOIN message ON message.id = message_id
  WHERE since <= :horizon AND expunged IS NULL AND mailbox_id IN (SELECT id FROM needed_mailbox)
  UNION ALL
  SELECT ${eventColumns('record_history')} FROM record_history JOIN message ON message.id = message_id
  WHERE since <= :horizon AND until > :horizon AND expunged IS NULL AND mailbox_id IN (SELECT id FROM needed_mailbox)
  UNION ALL
  SELECT ${mailboxRow('iif(changed <= :horizon, max(since, changed), since)')}
  FROM mailbox WHERE since <= :horizon AND id IN (SELECT id FROM needed_mailbox)
  UNION ALL
  SELECT ${mailboxRow('since')}
  FROM mailbox_history WHERE since <= :horizon AND until > :horizon AND id IN (SELECT id FROM needed_mailbox)`;

/** Returns a horizon as queries compare it: without one, every time is after it. */
export function sqlHorizon(horizon: number | undefined): number {
  return horizon ?? -1;
}

/**
 * The retained content of one index, in temp tables of the index's connection. The set holds a
 * snapshot of the index until the index is closed. Call fill() before any other method.
 */
export class RetainedSet {
  readonly index: IndexFile;
  #horizon: number | undefined;
  #isFilled = false;

  /** Creates the temp tables, which takes far less time than filling them; takes the snapshot. */
  constructor(index: IndexFile) {
    this.index = index;
    for (const sql of makeTables) index.run(sql);
    index.holdSnapshot();
  }

  /** Fills the temp tables. `horizon` is in unix seconds; undefined keeps everything. */
  fill(horizon: number | undefined): void {
    assert(!this.#isFilled, 'a retained set is filled once');
    this.#horizon = horizon;
    this.#isFilled = true;
    for (const sql of fillTables) this.index.run(sql, this.#values);
    this.index.run(fillKept);
  }

  get horizon(): number | undefined {
    assert(this.#isFilled, 'a retained set is filled before it is read');
    return this.#horizon;
  }

  get #values(): { readonly horizon: number } {
    return { horizon: sqlHorizon(this.horizon) };
  }

  hasMailbox(id: number): boolean {
    return this.index.get('SELECT 1 FROM needed_mailbox WHERE id = ?', id) !== undefined;
  }

  /** Iterates over the kept messages of a chunk in the order of their offsets. */
  messagesOf(chunkId: number): IterableIterator<KeptMessage> {
    return this.index.each<KeptMessage>(
      'SELECT guid, size, offset FROM kept WHERE chunk_id = ? ORDER BY offset',
      chunkId,
    );
  }

  /** Returns the sums of all messages and of the kept messages for each chunk. */
  messageSums(): Map<number, { all: MessageSums; kept: MessageSums }> {
    const nothing: MessageSums = { count: 0, bytes: 0 };
    const sums = new Map<number, { all: MessageSums; kept: MessageSums }>();
    const rows = (table: string): (MessageSums & { id: number })[] =>
      this.index.all(
        `SELECT chunk_id AS id, count(*) AS count, total(size) AS bytes FROM ${table}
         WHERE chunk_id IS NOT NULL GROUP BY chunk_id`,
      );
    for (const { id, count, bytes } of rows('message'))
      sums.set(id, { all: { count, bytes }, kept: nothing });
    for (const { id, count, bytes } of rows('kept')) {
      sums.set(id, { all: sums.get(id)?.all ?? nothing, kept: { count, bytes } });
    }
    return sums;
  }

  /**
   * Yields events in the order of time, with at most `limit` records each. Within a second, deleted
   * mailboxes come first. Otherwise, a line of the deleted mailbox would end a newer living mailbox
   * of the same name.
   */
  *mailboxEvents(limit: number): Generator<MailboxEvent> {
    let event: { time: number; mailboxId: number; records: RecordWithGuid[]; isLast: boolean } | undefined;
    const goneFirst = 'mailboxId IN (SELECT id FROM needed_mailbox WHERE gone = 1) DESC';
    const sql = `SELECT * FROM (${eventsSql}) ORDER BY since, ${goneFirst}, mailboxId, uid`;
    for (const row of this.index.each<RecordWithGuid>(sql, this.#values)) {
      const isSame = event?.time === row.since && event.mailboxId === row.mailboxId;
      if (event === undefined || !isSame || event.records.length === limit) {
        if (event !== undefined) yield event;
        event = { time: row.since, mailboxId: row.mailboxId, records: [], isLast: false };
      }
      if (row.uid === MAILBOX_ROW) event.isLast = true;
      else event.records.push(row);
    }
    if (event !== undefined) yield event;
  }

  /** Returns a mailbox as it was at the horizon. */
  mailbox(id: number): Mailbox | undefined {
    return mailboxAt(this.index, id, this.#values.horizon);
  }

  /** Iterates over the items as they were at the horizon, by the start of their validity. */
  itemEvents(): IterableIterator<Item> {
    return itemEvents(this.index, this.#values.horizon);
  }

  /**
   * Returns the needed mailboxes that the master must send again, and those that still differed
   * after the master had sent them again. `resend` is the number in the index.
   */
  resendStates(): { readonly uniqueid: string; readonly resend: number }[] {
    return this.index.all(
      'SELECT uniqueid, resend FROM mailbox WHERE resend <> 0 AND id IN (SELECT id FROM needed_mailbox) ORDER BY id',
    );
  }

  /** Reports whether a record was expunged by the horizon and stayed expunged. */
  isLongGone(mailboxId: number, uid: number): boolean {
    const sql = 'SELECT 1 FROM record WHERE mailbox_id = ? AND uid = ? AND expunged <= ?';
    return this.index.get(sql, mailboxId, uid, this.#values.horizon) !== undefined;
  }

  /** Returns the times at which the parts of the state at the horizon became valid, in order. */
  stateTimes(): number[] {
    const sql = `SELECT DISTINCT since FROM (SELECT since FROM (${eventsSql})
      UNION ALL SELECT since FROM item WHERE since <= :horizon
      UNION ALL SELECT since FROM item_history WHERE since <= :horizon AND until > :horizon) ORDER BY since`;
    return this.index.all<{ since: number }>(sql, this.#values).map(({ since }) => since);
  }
}
