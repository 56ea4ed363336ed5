/**
 * What the moments from a horizon on need of an index: compaction keeps that, and stat counts it.
 *
 * A version of a mailbox, record or item held from `since` until `until`; it is needed where that reaches past the horizon. A record that
 * was expunged by then, and all that is in a mailbox which was gone by then and did not come back, is not. Of the versions
 * before the horizon only the last one of each is needed: the state at the horizon.
 */
import type { IndexFile } from './indexFile.ts';
import type { RecordWithGuid } from './queries.ts';
import type { Item, Mailbox } from './types.ts';

/** Mailboxes that lived at the horizon or at any moment after it. */
const neededMailboxesSql = `
  SELECT id FROM mailbox WHERE deleted IS NULL OR deleted > :horizon
  UNION SELECT id FROM mailbox_history WHERE until > :horizon AND deleted IS NULL`;

/** The names for all that follows here. The index is read only: they are in SQLite's own temporary files. */
const NAMES = [
  // gone: it was deleted at the horizon, and came back.
  'CREATE TEMP TABLE IF NOT EXISTS needed_mailbox (id INTEGER PRIMARY KEY, gone INTEGER NOT NULL DEFAULT 0)',
  'CREATE TEMP TABLE IF NOT EXISTS needed_message (id INTEGER PRIMARY KEY)',
  `CREATE TEMP TABLE IF NOT EXISTS kept (chunk_id INTEGER, offset INTEGER, guid TEXT, size INTEGER,
                            PRIMARY KEY (chunk_id, offset)) WITHOUT ROWID`,
];

/** A message whose bytes are here, by its place. */
export interface KeptMessage {
  readonly guid: string;
  readonly size: number;
  /** Of its own first byte, after decompression. */
  readonly offset: number;
}

/** Of a mailbox, at one second, what a MAILBOX line before the horizon has to say. */
export interface MailboxEvent {
  readonly time: number;
  readonly mailboxId: number;
  /** What came to be then and still was at the horizon. */
  readonly records: readonly RecordWithGuid[];
  /** It is the last one of this mailbox: what is said of the mailbox itself holds from here on. */
  readonly isLast: boolean;
}

/** Once an index, before its snapshot is held. */
export function makeRetainedNames(index: IndexFile): void {
  for (const sql of NAMES) index.run(sql);
}

/** Fills the names, for as long as the snapshot is held. */
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

/** The messages of a chunk that are kept, by place. */
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

/** By chunk: of all messages, and of those that are kept. */
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
/** Behind all UIDs. */
const MAILBOX_ROW = 2 ** 40;
const noRecord = `NULL AS modseq, 0 AS last_updated, 0 AS internaldate, 0 AS size, 0 AS message_id, '' AS flags,
   NULL AS annotations, NULL AS extra, NULL AS expunged, `;

/**
 * Living records as they were at the horizon, each with when it came to be so; and for each mailbox a row without a record, with when the
 * mailbox was last heard of; it stands behind records of the same time.
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
 * By time; at most `limit` records an event. Within a second those of deleted mailboxes come first: one of the same name, that lives, came
 * after it, and a line of the other would end it.
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

/** A mailbox as it was at the horizon. */
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

/** Items as they were at the horizon, by when they came to be so. */
export function itemEvents(index: IndexFile, horizon: number): IterableIterator<Item> {
  return index.each<Item>(
    `SELECT kind, key, value, since FROM item WHERE since <= ?
     UNION ALL SELECT kind, key, value, since FROM item_history WHERE since <= ? AND until > ? ORDER BY since`,
    horizon,
    horizon,
    horizon,
  );
}

/** The needed mailboxes whose master is to send them again, or cannot help by it. */
export function resendStates(index: IndexFile): { readonly uniqueid: string; readonly resend: number }[] {
  return index.all(
    'SELECT uniqueid, resend FROM mailbox WHERE resend <> 0 AND id IN (SELECT id FROM needed_mailbox) ORDER BY id',
  );
}

/** Whether a record was expunged by the horizon, and stayed so. */
export function isLongGone(index: IndexFile, mailboxId: number, uid: number, horizon: number): boolean {
  const sql = 'SELECT 1 FROM record WHERE mailbox_id = ? AND uid = ? AND expunged <= ?';
  return index.get(sql, mailboxId, uid, horizon) !== undefined;
}

/** The longest stretch of a chunk without a flush point, in bytes after decompression. */
export function longestBlock(index: IndexFile, chunkId: number, lengthBytes: number): number {
  const row = index.get<{ longest: number | null }>(
    `SELECT max(next - offset) AS longest FROM (
       SELECT offset, lead(offset, 1, ?) OVER (ORDER BY offset) AS next FROM point WHERE chunk_id = ?)`,
    lengthBytes,
    chunkId,
  );
  return row?.longest ?? lengthBytes;
}

/** When what was so at the horizon came to be so, in order. */
export function stateTimes(index: IndexFile, horizon: number): number[] {
  const sql = `SELECT DISTINCT since FROM (SELECT since FROM (${eventsSql})
      UNION ALL SELECT since FROM item WHERE since <= :horizon
      UNION ALL SELECT since FROM item_history WHERE since <= :horizon AND until > :horizon) ORDER BY since`;
  return index.all<{ since: number }>(sql, { horizon }).map(({ since }) => since);
}
