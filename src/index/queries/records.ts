/**
 * Queries for the records of a mailbox, now or at a timestamp in unix seconds. One builder makes
 * all pages: a page has a range (RecordRange) and a shape, which is the set of columns that it
 * reads. A query for now reads no history.
 */
import type { IndexFile } from '../store/indexFile.ts';
import type { MessageRecord } from '../types.ts';

/** A record with its message's GUID and chunk; chunkId is null if the bytes are missing. */
export interface RecordWithGuid extends MessageRecord {
  readonly guid: string;
  readonly chunkId: number | null;
}

/**
 * A record with the place of its message. A message whose size differs from the record's is
 * damaged.
 */
export interface LocatedRecord extends RecordWithGuid {
  readonly messageSize: number;
  readonly offset: number | null;
}

/** The part of a record that a folder's listing shows. */
export type ListedRecord = Pick<MessageRecord, 'uid' | 'size' | 'internaldate' | 'lastUpdated' | 'messageId'>;

/** The part of a record that an mbox layout or a list of flags is derived from. */
export type FlaggedRecord = Pick<MessageRecord, 'uid' | 'size' | 'internaldate' | 'flags'>;

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

/**
 * Which of a mailbox's records a query returns: the living records, the expunged records whose
 * messages are held, all records whose messages are held, or every record.
 */
export type RecordsShown = 'living' | 'expunged' | 'held' | 'every';

export interface RecordRange {
  readonly mailboxId: number;
  /** Unix seconds; null: now. */
  readonly time: number | null;
  readonly shown: RecordsShown;
  /** The page begins after this UID. */
  readonly afterUid: number;
  readonly limit: number;
}

/** The columns of MessageRecord in `record` or `record_history`. */
export const recordColumns = (table: string): string =>
  `mailbox_id AS mailboxId, uid, CAST(${table}.modseq AS TEXT) AS modseq, last_updated AS lastUpdated, internaldate,
   ${table}.size AS size, message_id AS messageId, flags, annotations, extra, expunged, since`;

const columns = {
  full: (table: string): string =>
    `${recordColumns(table)}, guid, message.size AS messageSize, chunk_id AS chunkId, offset`,
  listed: () => 'uid, size, internaldate, last_updated, message_id',
  flagged: () => 'uid, size, internaldate, flags',
  located: (table: string): string => `uid, ${table}.size, message.size, chunk_id, offset, guid, expunged`,
  uid: () => 'uid',
};
type Shape = keyof typeof columns;

const conditions: Record<RecordsShown, string> = {
  living: 'expunged IS NULL',
  expunged: 'expunged IS NOT NULL AND chunk_id IS NOT NULL',
  held: 'chunk_id IS NOT NULL',
  every: 'TRUE',
};

function joined(shape: Shape, shown: RecordsShown, table: string): string {
  const needsMessage = shape === 'full' || shape === 'located' || shown === 'expunged' || shown === 'held';
  return needsMessage ? `${table} JOIN message ON message.id = message_id` : table;
}

function nowSql(shape: Shape, shown: RecordsShown): string {
  const table = joined(shape, shown, shown === 'expunged' ? 'record INDEXED BY record_expunged' : 'record');
  return `SELECT ${columns[shape]('record')} FROM ${table}
   WHERE mailbox_id = :mailboxId AND uid > :afterUid AND ${conditions[shown]} ORDER BY uid`;
}

function thenSql(shape: Shape, shown: RecordsShown): string {
  const versions = (table: string, valid: string): string =>
    `SELECT ${columns[shape](table)} FROM ${joined(shape, shown, table)}
     WHERE mailbox_id = :mailboxId AND uid > :afterUid AND ${valid} AND ${conditions[shown]}`;
  return `${versions('record', 'since <= :time')}
    UNION ALL
    ${versions('record_history', 'since <= :time AND until > :time')} ORDER BY uid`;
}

const statements = new Map<string, string>();

/** Returns a page's statement, with its page size as text (see IndexFile.all), and its values. */
function page(shape: Shape, range: RecordRange): [sql: string, values: Record<string, number>] {
  const { mailboxId, time, shown, afterUid, limit } = range;
  const isNow = time === null;
  const key = `${shape} ${shown} ${isNow} ${limit}`;
  let sql = statements.get(key);
  if (sql === undefined) {
    sql = `${isNow ? nowSql(shape, shown) : thenSql(shape, shown)} LIMIT ${limit}`;
    statements.set(key, sql);
  }
  return [sql, isNow ? { mailboxId, afterUid } : { mailboxId, afterUid, time }];
}

/** Returns a page with all columns and the places of the messages. */
export function recordsPage(index: IndexFile, range: RecordRange): LocatedRecord[] {
  return index.all<LocatedRecord>(...page('full', range));
}

/** Returns the same page, with only what a listing shows. */
export function listedPage(index: IndexFile, range: RecordRange): ListedRecord[] {
  const rows = index.allValues<[number, number, number, number, number]>(...page('listed', range));
  return rows.map(([uid, size, internaldate, lastUpdated, messageId]) => ({
    uid,
    size,
    internaldate,
    lastUpdated,
    messageId,
  }));
}

/** Returns the same page, with flags. */
export function flaggedPage(index: IndexFile, range: RecordRange): FlaggedRecord[] {
  return index.all<FlaggedRecord>(...page('flagged', range));
}

/** Returns the same page, with only the places of the messages. */
export function locationsPage(index: IndexFile, range: RecordRange): LocatedUid[] {
  return index.allValues<LocatedUid>(...page('located', range));
}

/** Returns the UIDs of the same page. */
export function uidsPage(index: IndexFile, range: RecordRange): number[] {
  return index.allValues<[number]>(...page('uid', range)).map(([uid]) => uid);
}

const PAGE_RECORDS = 1000;

/** Yields all records of a mailbox by UID, in pages, as they were at `time` (null: now). */
export function* recordsOf(
  index: IndexFile,
  mailboxId: number,
  time: number | null = null,
  shown: RecordsShown = 'every',
): Generator<LocatedRecord> {
  const range = { mailboxId, time, shown, limit: PAGE_RECORDS };
  for (let afterUid = 0; ;) {
    const records = recordsPage(index, { ...range, afterUid });
    yield* records;
    if (records.length < PAGE_RECORDS) return;
    afterUid = records.at(-1)?.uid ?? afterUid;
  }
}

/** The range of a single record. */
export interface RecordPlace extends Pick<RecordRange, 'mailboxId' | 'time' | 'shown'> {
  readonly uid: number;
}

/** Returns the record of a UID if recordsPage would return it. */
export function recordAt(index: IndexFile, place: RecordPlace): LocatedRecord | undefined {
  const { mailboxId, time, shown, uid } = place;
  if (time === null) return index.get<LocatedRecord>(singleSql[shown], mailboxId, uid);
  const [record] = recordsPage(index, { mailboxId, time, shown, afterUid: uid - 1, limit: 1 });
  return record?.uid === uid ? record : undefined;
}

const singleOf = (shown: RecordsShown): string =>
  `SELECT ${columns.full('record')} FROM ${joined('full', shown, 'record')}
   WHERE mailbox_id = ? AND uid = ? AND ${conditions[shown]}`;
const singleSql: Record<RecordsShown, string> = {
  living: singleOf('living'),
  expunged: singleOf('expunged'),
  held: singleOf('held'),
  every: singleOf('every'),
};

/** Returns the records that name a message, by mailbox and UID. */
export function recordsOfMessage(index: IndexFile, messageId: number): MessageRecord[] {
  return index.all<MessageRecord>(
    `SELECT ${recordColumns('record')} FROM record WHERE message_id = ? ORDER BY mailbox_id, uid`,
    messageId,
  );
}

/**
 * Returns the distinct combinations of flags of a mailbox's living records. They are in the order
 * of the lowest UID with each combination.
 */
export function flagCombinations(index: IndexFile, mailboxId: number): string[] {
  return index
    .all<{ flags: string }>(
      'SELECT flags, min(uid) AS first FROM record WHERE mailbox_id = ? AND expunged IS NULL GROUP BY flags ORDER BY first',
      mailboxId,
    )
    .map(({ flags }) => flags);
}

/** Returns the number of living records in a mailbox now, and the bytes of their messages. */
export function livingSize(
  index: IndexFile,
  mailboxId: number,
): { readonly messages: number; readonly bytes: number } {
  const row = index.get<{ messages: number; bytes: number }>(
    `SELECT count(*) AS messages, coalesce(sum(size), 0) AS bytes FROM record
     WHERE mailbox_id = ? AND expunged IS NULL`,
    mailboxId,
  );
  return row ?? { messages: 0, bytes: 0 };
}

/** Returns the first time after `since` at which a record was expunged; null if none was. */
export function firstExpungedAfter(index: IndexFile, since: number): number | null {
  const sql = 'SELECT min(expunged) AS first FROM record WHERE expunged > ?';
  return index.get<{ first: number | null }>(sql, since)?.first ?? null;
}

export interface Copy {
  readonly messageId: number;
  readonly internaldate: number;
  readonly mailboxId: number;
}

/** Iterates over the living records that share their message with other living records. */
export function copies(index: IndexFile, time: number | null): IterableIterator<Copy> {
  const living = (table: string, valid: string): string =>
    `SELECT message_id AS messageId, internaldate, mailbox_id AS mailboxId FROM ${table}
     WHERE ${valid} AND expunged IS NULL`;
  const shared = 'SELECT messageId FROM alive GROUP BY messageId HAVING count(*) > 1';
  const sql = (alive: string): string =>
    `WITH alive AS (${alive}) SELECT * FROM alive WHERE messageId IN (${shared})`;
  if (time === null) return index.each<Copy>(sql(living('record', 'TRUE')));
  const then = `${living('record', 'since <= :time')}
    UNION ALL ${living('record_history', 'since <= :time AND until > :time')}`;
  return index.each<Copy>(sql(then), { time });
}
