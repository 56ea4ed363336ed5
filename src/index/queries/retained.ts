/**
 * Determines which content of an index the timestamps from a horizon on need. Compaction keeps this
 * content, and stat counts it.
 *
 * A version of a mailbox, record or item was valid from `since` until `until`.
 *
 * - A version is needed if its validity ends after the horizon.
 * - A record expunged by the horizon is not needed. The same applies to everything in a mailbox
 *   that was deleted by the horizon and not created again.
 * - From the time before the horizon, only the last version of each mailbox, record and item is
 *   needed, which is the state at the horizon.
 */
import type { IndexFile } from '../store/indexFile.ts';
import type { RecordWithGuid } from './current.ts';
import type { Item, Mailbox } from '../types.ts';

/** Mailboxes that lived at the horizon or at any time after it. */
const neededMailboxesSql = `
  SELECT id FROM mailbox WHERE deleted IS NULL OR deleted > :horizon
  UNION SELECT id FROM mailbox_history WHERE until > :horizon AND deleted IS NULL`;

/**
 * The statements that create the temp tables. The index is open read-only, so the tables are stored
 * in SQLite's own temporary files.
 */
const NAMES = [
  // The column gone says that the mailbox was deleted at the horizon and created again later.
  'CREATE TEMP TABLE IF NOT EXISTS needed_mailbox (id INTEGER PRIMARY KEY, gone INTEGER NOT NULL DEFAULT 0)',
  'CREATE TEMP TABLE IF NOT EXISTS needed_message (id INTEGER PRIMARY KEY)',
  `CREATE TEMP TABLE IF NOT EXISTS kept (chunk_id INTEGER, offset INTEGER, guid TEXT, size INTEGER,
                            PRIMARY KEY (chunk_id, offset)) WITHOUT ROWID`,
];

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

/** Creates the temp tables used below. Call it once per connection, before `holdSnapshot()`. */
export function makeRetainedNames(index: IndexFile): void {
  for (const sql of NAMES) index.run(sql);
}

/** Fills the temp tables. They are valid while the snapshot is held. */
export function prepareRetained(index: IndexFile, horizon: number): void {
  index.run(`INSERT INTO needed_mailbox (id) ${neededMailboxesSql}`, { horizon });
  index.run(
    `UPDATE needed_mailbox SET gone = 1 WHERE id IN (
       SELECT id FROM mailbox WHERE since <= :horizon AND deleted IS NOT NULL
       UNION SELECT id FROM mailbox_history WHERE since <= :horizon AND until > :horizon AND deleted IS NOT NULL)`,
    { horizon },
  );
  index.run(
    `INSERT OR IGNORE INTO needed_message SELECT message_id FROM record
     WHERE (expunged IS NULL OR expunged > :horizon) AND mailbox_id IN (SELECT id FROM needed_mailbox)`,
    { horizon },
  );
  index.run(
    `INSERT OR IGNORE INTO needed_message SELECT message_id FROM record_history
     WHERE until > :horizon AND expunged IS NULL AND mailbox_id IN (SELECT id FROM needed_mailbox)`,
    { horizon },
  );
  index.run(
    `INSERT INTO kept SELECT chunk_id, offset, guid, size FROM message JOIN needed_message USING (id)
     WHERE chunk_id IS NOT NULL`,
  );
}

export function isNeededMailbox(index: IndexFile, id: number): boolean {
  return index.get('SELECT 1 FROM needed_mailbox WHERE id = ?', id) !== undefined;
}

/** Iterates over the kept messages of a chunk in the order of their offsets. */
export function keptMessages(index: IndexFile, chunkId: number): IterableIterator<KeptMessage> {
  return index.each<KeptMessage>(
    'SELECT guid, size, offset FROM kept WHERE chunk_id = ? ORDER BY offset',
    chunkId,
  );
}

export interface MessageSums {
  readonly count: number;
  readonly bytes: number;
}

/** Returns the sums of all messages and of the kept messages for each chunk. */
export function messageSums(index: IndexFile): Map<number, { all: MessageSums; kept: MessageSums }> {
  const nothing: MessageSums = { count: 0, bytes: 0 };
  const sums = new Map<number, { all: MessageSums; kept: MessageSums }>();
  const sql = (table: string): string =>
    `SELECT chunk_id AS id, count(*) AS count, total(size) AS bytes FROM ${table}
     WHERE chunk_id IS NOT NULL GROUP BY chunk_id`;
  for (const { id, count, bytes } of index.all<MessageSums & { id: number }>(sql('message'))) {
    sums.set(id, { all: { count, bytes }, kept: nothing });
  }
  for (const { id, count, bytes } of index.all<MessageSums & { id: number }>(sql('kept'))) {
    sums.set(id, { all: sums.get(id)?.all ?? nothing, kept: { count, bytes } });
  }
  return sums;
}

const recordColumns = (table: string): string =>
  `mailbox_id, uid, CAST(${table}.modseq AS TEXT) AS modseq, last_updated, internaldate, ${table}.size AS size, message_id, flags,
   annotations, extra, expunged, since, guid, chunk_id`;
/** A pseudo UID above all UIDs, so that a mailbox's own row comes after its records. */
const MAILBOX_ROW = 2 ** 40;
const noRecord = `NULL AS modseq, 0 AS last_updated, 0 AS internaldate, 0 AS size, 0 AS message_id, '' AS flags,
   NULL AS annotations, NULL AS extra, NULL AS expunged, `;

/**
 * Selects the records that lived at the horizon, as they were then, each with the time of its last
 * change. For each mailbox, adds a row without a record that has the time of the mailbox's last
 * change. That row follows the records of the same time.
 */
const eventsSql = `
  SELECT ${recordColumns('record')} FROM record JOIN message ON message.id = message_id
  WHERE since <= :horizon AND expunged IS NULL AND mailbox_id IN (SELECT id FROM needed_mailbox)
  UNION ALL
  SELECT ${recordColumns('record_history')} FROM record_history JOIN message ON message.id = message_id
  WHERE since <= :horizon AND until > :horizon AND expunged IS NULL AND mailbox_id IN (SELECT id FROM needed_mailbox)
  UNION ALL
  SELECT id AS mailbox_id, ${MAILBOX_ROW} AS uid, ${noRecord}
         iif(changed <= :horizon, max(since, changed), since) AS since, '' AS guid, NULL AS chunk_id
  FROM mailbox WHERE since <= :horizon AND id IN (SELECT id FROM needed_mailbox)
  UNION ALL
  SELECT id AS mailbox_id, ${MAILBOX_ROW} AS uid, ${noRecord} since, '' AS guid, NULL AS chunk_id
  FROM mailbox_history WHERE since <= :horizon AND until > :horizon AND id IN (SELECT id FROM needed_mailbox)`;

/**
 * Yields events in the order of time, with at most `limit` records each. Within a second, deleted
 * mailboxes come first. Otherwise, a line of the deleted mailbox would end a newer living mailbox
 * of the same name.
 */
export function* mailboxEvents(index: IndexFile, horizon: number, limit: number): Generator<MailboxEvent> {
  let event: { time: number; mailboxId: number; records: RecordWithGuid[]; isLast: boolean } | undefined;
  const goneFirst = 'mailbox_id IN (SELECT id FROM needed_mailbox WHERE gone = 1) DESC';
  const sql = `SELECT * FROM (${eventsSql}) ORDER BY since, ${goneFirst}, mailbox_id, uid`;
  for (const row of index.each<RecordWithGuid>(sql, { horizon })) {
    const isSame = event?.time === row.since && event.mailboxId === row.mailbox_id;
    if (event === undefined || !isSame || event.records.length === limit) {
      if (event !== undefined) yield event;
      event = { time: row.since, mailboxId: row.mailbox_id, records: [], isLast: false };
    }
    if (row.uid === MAILBOX_ROW) event.isLast = true;
    else event.records.push(row);
  }
  if (event !== undefined) yield event;
}

/** Returns a mailbox as it was at the horizon. */
export function mailboxAt(index: IndexFile, id: number, horizon: number): Mailbox | undefined {
  const columns =
    'id, uniqueid, name, uidvalidity, last_uid, CAST(highestmodseq AS TEXT) AS highestmodseq, deleted, state, since';
  return index.get<Mailbox>(
    `SELECT ${columns} FROM mailbox WHERE id = ? AND since <= ?
     UNION ALL SELECT ${columns} FROM mailbox_history WHERE id = ? AND since <= ? AND until > ?`,
    id,
    horizon,
    id,
    horizon,
    horizon,
  );
}

/** Iterates over the items as they were at the horizon, by the start of their validity. */
export function itemEvents(index: IndexFile, horizon: number): IterableIterator<Item> {
  return index.each<Item>(
    `SELECT kind, key, value, since FROM item WHERE since <= ?
     UNION ALL SELECT kind, key, value, since FROM item_history WHERE since <= ? AND until > ? ORDER BY since`,
    horizon,
    horizon,
    horizon,
  );
}

/**
 * Returns the needed mailboxes that the master must send again, and those that still differed after
 * the master had sent them again.
 */
export function resendStates(index: IndexFile): { readonly uniqueid: string; readonly resend: number }[] {
  return index.all(
    'SELECT uniqueid, resend FROM mailbox WHERE resend <> 0 AND id IN (SELECT id FROM needed_mailbox) ORDER BY id',
  );
}

/** Reports whether a record was expunged by the horizon and stayed expunged. */
export function isLongGone(index: IndexFile, mailboxId: number, uid: number, horizon: number): boolean {
  const sql = 'SELECT 1 FROM record WHERE mailbox_id = ? AND uid = ? AND expunged <= ?';
  return index.get(sql, mailboxId, uid, horizon) !== undefined;
}

/** Returns the longest part of a chunk without a flush point, in bytes after decompression. */
export function longestBlock(index: IndexFile, chunkId: number, lengthBytes: number): number {
  const row = index.get<{ longest: number | null }>(
    `SELECT max(next - offset) AS longest FROM (
       SELECT offset, lead(offset, 1, ?) OVER (ORDER BY offset) AS next FROM point WHERE chunk_id = ?)`,
    lengthBytes,
    chunkId,
  );
  return row?.longest ?? lengthBytes;
}

/** Returns the times at which the parts of the state at the horizon became valid, in order. */
export function stateTimes(index: IndexFile, horizon: number): number[] {
  const sql = `SELECT DISTINCT since FROM (SELECT since FROM (${eventsSql})
      UNION ALL SELECT since FROM item WHERE since <= :horizon
      UNION ALL SELECT since FROM item_history WHERE since <= :horizon AND until > :horizon) ORDER BY since`;
  return index.all<{ since: number }>(sql, { horizon }).map(({ since }) => since);
}
