/**
 * Queries for the state of mailboxes, records and items at a timestamp, and for changes between two
 * timestamps. A timestamp of null means now; such a query reads no history. Lists of records come
 * in pages by UID.
 */
import type { IndexFile } from '../store/indexFile.ts';
import type { RecordWithGuid } from './current.ts';
import type { Item, ItemKind } from '../types.ts';

type Columns = (table: string) => string;

const recordColumns: Columns = (table) =>
  `mailbox_id, uid, CAST(modseq AS TEXT) AS modseq, last_updated, internaldate, ${table}.size AS size,
   message_id, flags, annotations, extra, expunged, since, guid, message.size AS message_size, chunk_id, offset`;
const joined = (table: string): string => `${table} JOIN message ON message.id = message_id`;

/**
 * Which of a mailbox's records a query returns: the living records, the expunged records whose
 * messages are held, or all records whose messages are held. 'every' adds no condition.
 */
export type RecordsShown = 'living' | 'expunged' | 'all';
type Which = RecordsShown | 'every';

const condition: Record<Which, string> = {
  living: 'expunged IS NULL',
  expunged: 'expunged IS NOT NULL AND chunk_id IS NOT NULL',
  all: 'chunk_id IS NOT NULL',
  every: 'TRUE',
};

/** Columns in the order of LocatedUid. */
const locationColumns: Columns = (table) =>
  `uid, ${table}.size AS size, message.size AS message_size, chunk_id, offset, guid, expunged`;

const nowSql = (which: Which, columns: Columns): string =>
  `SELECT ${columns('record')} FROM ${joined(which === 'expunged' ? 'record INDEXED BY record_expunged' : 'record')}
   WHERE mailbox_id = ? AND uid > ? AND ${condition[which]} ORDER BY uid`;

const thenSql = (which: Which, columns: Columns): string =>
  `SELECT * FROM (
     SELECT ${columns('record')} FROM ${joined('record')} WHERE mailbox_id = ? AND uid > ? AND since <= ?
     UNION ALL
     SELECT ${columns('record_history')} FROM ${joined('record_history')}
     WHERE mailbox_id = ? AND uid > ? AND since <= ? AND until > ?)
   WHERE ${condition[which]} ORDER BY uid`;

const oneNowSql = (which: Which): string =>
  `SELECT ${recordColumns('record')} FROM ${joined('record')} WHERE mailbox_id = ? AND uid = ? AND ${condition[which]}`;

const each = (make: typeof nowSql, columns: Columns): Record<Which, string> => ({
  living: make('living', columns),
  expunged: make('expunged', columns),
  all: make('all', columns),
  every: make('every', columns),
});
const now = each(nowSql, recordColumns);
const then = each(thenSql, recordColumns);
const placesNow = each(nowSql, locationColumns);
const placesThen = each(thenSql, locationColumns);

/**
 * A record with the place of its message. A message whose size differs from the record's is
 * damaged.
 */
export interface LocatedRecord extends RecordWithGuid {
  readonly message_size: number;
  readonly offset: number | null;
}

/**
 * Returns a page of the records after a UID, as they were at a timestamp. By default, the page
 * includes expunged records.
 */
export function recordsPage(
  index: IndexFile,
  mailboxId: number,
  time: number | null,
  afterUid: number,
  limit: number,
  which: Which = 'every',
): LocatedRecord[] {
  const from = [mailboxId, afterUid];
  if (time === null) return index.all<LocatedRecord>(`${now[which]} LIMIT ${limit}`, ...from);
  return index.all<LocatedRecord>(`${then[which]} LIMIT ${limit}`, ...from, time, ...from, time, time);
}

const oneNow: Record<Which, string> = {
  living: oneNowSql('living'),
  expunged: oneNowSql('expunged'),
  all: oneNowSql('all'),
  every: oneNowSql('every'),
};

/** Returns the record of a UID if recordsPage would return it. */
export function recordAt(
  index: IndexFile,
  mailboxId: number,
  time: number | null,
  uid: number,
  which: Which = 'every',
): LocatedRecord | undefined {
  if (time === null) return index.get<LocatedRecord>(oneNow[which], mailboxId, uid);
  const [record] = recordsPage(index, mailboxId, time, uid - 1, 1, which);
  return record?.uid === uid ? record : undefined;
}

/** A record's UID and size, the place and GUID of its message, and when it was expunged. */
export type LocatedUid = readonly [
  uid: number,
  size: number,
  messageSize: number,
  chunkId: number | null,
  offset: number | null,
  guid: string,
  expunged: number | null,
];

/** Returns the same page as recordsPage, but only the places of the messages. */
export function locationsPage(
  index: IndexFile,
  mailboxId: number,
  time: number | null,
  afterUid: number,
  limit: number,
  which: Which,
): LocatedUid[] {
  const from = [mailboxId, afterUid];
  if (time === null) return index.allValues<LocatedUid>(`${placesNow[which]} LIMIT ${limit}`, ...from);
  return index.allValues<LocatedUid>(
    `${placesThen[which]} LIMIT ${limit}`,
    ...from,
    time,
    ...from,
    time,
    time,
  );
}

/** Returns the items of a kind at a timestamp, by key. */
export function itemsAt(index: IndexFile, kind: ItemKind, time: number | null): Item[] {
  if (time === null) {
    return index.all<Item>('SELECT kind, key, value, since FROM item WHERE kind = ? ORDER BY key', kind);
  }
  return index.all<Item>(
    `SELECT * FROM (
       SELECT kind, key, value, since FROM item WHERE kind = ? AND since <= ?
       UNION ALL
       SELECT kind, key, value, since FROM item_history WHERE kind = ? AND since <= ? AND until > ?)
     ORDER BY key`,
    kind,
    time,
    kind,
    time,
    time,
  );
}

/**
 * Returns the records that were expunged after `from` and up to `to`, in their last state before.
 */
export function expungedBetween(
  index: IndexFile,
  mailboxId: number,
  from: number,
  to: number,
): RecordWithGuid[] {
  return index.all<RecordWithGuid>(
    `SELECT uid, coalesce(before.modseq, now.modseq) AS modseq, mailbox_id,
            coalesce(before.last_updated, now.last_updated) AS last_updated,
            coalesce(before.internaldate, now.internaldate) AS internaldate,
            now.size AS size, now.message_id AS message_id,
            coalesce(before.flags, now.flags) AS flags,
            coalesce(before.annotations, now.annotations) AS annotations,
            coalesce(before.extra, now.extra) AS extra, NULL AS expunged,
            now.since AS since, guid, chunk_id
     FROM (SELECT mailbox_id, uid, CAST(modseq AS TEXT) AS modseq, last_updated, internaldate, size, message_id, flags,
                  annotations, extra, expunged, since FROM record WHERE mailbox_id = ?) AS now
     JOIN message ON message.id = now.message_id
     LEFT JOIN (SELECT uid AS before_uid, CAST(modseq AS TEXT) AS modseq, last_updated, internaldate, flags,
                       annotations, extra, until FROM record_history WHERE mailbox_id = ? AND expunged IS NULL) AS before
       ON before_uid = uid AND until = now.expunged
     WHERE now.expunged > ? AND now.expunged <= ? ORDER BY uid`,
    mailboxId,
    mailboxId,
    from,
    to,
  );
}

/**
 * Reports whether a message lived in a living mailbox at a timestamp. `deletedPattern` (GLOB)
 * excludes deleted mailboxes that only wait for their removal.
 */
export function livesAt(index: IndexFile, messageId: number, time: number, deletedPattern: string): boolean {
  const row = index.get(
    `SELECT 1 FROM (
       SELECT mailbox_id FROM record WHERE message_id = ? AND since <= ? AND expunged IS NULL
       UNION
       SELECT record_history.mailbox_id FROM record
         JOIN record_history ON record_history.mailbox_id = record.mailbox_id AND record_history.uid = record.uid
       WHERE record.message_id = ? AND record_history.message_id = ? AND record_history.since <= ?
         AND until > ? AND record_history.expunged IS NULL) AS holder
     JOIN (SELECT id, name FROM mailbox WHERE since <= ? AND deleted IS NULL
           UNION ALL
           SELECT id, name FROM mailbox_history WHERE since <= ? AND until > ? AND deleted IS NULL) AS box
       ON box.id = holder.mailbox_id
     WHERE box.name NOT GLOB ? AND box.name NOT GLOB '*!' || ? LIMIT 1`,
    messageId,
    time,
    messageId,
    messageId,
    time,
    time,
    time,
    time,
    time,
    deletedPattern,
    deletedPattern,
  );
  return row !== undefined;
}

/** Returns when a message was first stored in a mailbox, in unix seconds. */
export function firstSeen(index: IndexFile, mailboxId: number, uid: number): number {
  const row = index.get<{ first: number | null }>(
    `SELECT min(first) AS first FROM (
       SELECT since AS first FROM record WHERE mailbox_id = ? AND uid = ?
       UNION ALL SELECT since FROM record_history WHERE mailbox_id = ? AND uid = ?)`,
    mailboxId,
    uid,
    mailboxId,
    uid,
  );
  return row?.first ?? 0;
}

/** Returns the number of living records in a mailbox now, and the bytes of their messages. */
export function livingSize(
  index: IndexFile,
  mailboxId: number,
): { readonly messages: number; readonly bytes: number } {
  const row = index.get<{ messages: number; bytes: number | null }>(
    'SELECT count(*) AS messages, sum(size) AS bytes FROM record WHERE mailbox_id = ? AND expunged IS NULL',
    mailboxId,
  );
  return { messages: row?.messages ?? 0, bytes: row?.bytes ?? 0 };
}
