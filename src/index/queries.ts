/** What is asked of an index. Lists come as iterators, so that no mailbox's size is a size in memory. */
import type { IndexFile } from './indexFile.ts';
import type { Chunk, Item, ItemKind, LiveMailbox, Mailbox, MessageRecord, StoredMessage } from './types.ts';

/** A record with its message's GUID, and whether its bytes are here. */
export interface RecordWithGuid extends MessageRecord {
  readonly guid: string;
  readonly chunk_id: number | null;
}

const mailboxColumns = `id, uniqueid, name, uidvalidity, last_uid, CAST(highestmodseq AS TEXT) AS highestmodseq,
  deleted, state, since`;
export const liveColumns = `${mailboxColumns}, crc, crc_annot, crc_padding, sent_crc, sent_crc_annot, resend,
  missing_from, changed`;
export const recordColumns = `mailbox_id, uid, CAST(modseq AS TEXT) AS modseq, last_updated, internaldate, record.size AS size,
  message_id, flags, annotations, extra, expunged, since`;
export const chunkColumns =
  'id, ts_start, ts_end, offset, length, file_end, crc32, member_sha1, file_sha1, closed';

// --- mailboxes

export function mailboxByUniqueid(index: IndexFile, uniqueid: string): LiveMailbox | undefined {
  return index.get<LiveMailbox>(`SELECT ${liveColumns} FROM mailbox WHERE uniqueid = ?`, uniqueid);
}

/** The living mailbox of that internal name. */
export function mailboxByName(index: IndexFile, name: string): LiveMailbox | undefined {
  return index.get<LiveMailbox>(
    `SELECT ${liveColumns} FROM mailbox WHERE name = ? AND deleted IS NULL`,
    name,
  );
}

export function mailboxById(index: IndexFile, id: number): LiveMailbox | undefined {
  return index.get<LiveMailbox>(`SELECT ${liveColumns} FROM mailbox WHERE id = ?`, id);
}

/** Mailboxes that the master has, DELETED ones too, by name. */
export function livingMailboxes(index: IndexFile): IterableIterator<LiveMailbox> {
  return index.each<LiveMailbox>(`SELECT ${liveColumns} FROM mailbox WHERE deleted IS NULL ORDER BY name`);
}

export function allMailboxes(index: IndexFile): IterableIterator<LiveMailbox> {
  return index.each<LiveMailbox>(`SELECT ${liveColumns} FROM mailbox ORDER BY id`);
}

const mailboxesAtSql = `SELECT * FROM (
    SELECT ${mailboxColumns} FROM mailbox WHERE since <= ?
    UNION ALL
    SELECT ${mailboxColumns} FROM mailbox_history WHERE since <= ? AND until > ?)`;

/** Mailboxes as they were at a moment, gone ones not. */
export function mailboxesAt(index: IndexFile, time: number): Mailbox[] {
  const sql = `${mailboxesAtSql} WHERE deleted IS NULL ORDER BY name`;
  return index.all<Mailbox>(sql, time, time, time);
}

/** Mailboxes that had gone by a moment and that the backup still knows, as they were last. */
export function goneMailboxesAt(index: IndexFile, time: number): Mailbox[] {
  const sql = `${mailboxesAtSql} WHERE deleted IS NOT NULL ORDER BY name`;
  return index.all<Mailbox>(sql, time, time, time);
}

// --- records

/** All records of a mailbox by UID, expunged ones too. */
export function records(index: IndexFile, mailboxId: number): IterableIterator<RecordWithGuid> {
  return index.each<RecordWithGuid>(
    `SELECT ${recordColumns}, guid, chunk_id FROM record JOIN message ON message.id = message_id
     WHERE mailbox_id = ? ORDER BY uid`,
    mailboxId,
  );
}

/** A page of the living records behind a UID, whole. */
export function livingRecords(
  index: IndexFile,
  mailboxId: number,
  afterUid: number,
  limit: number,
): MessageRecord[] {
  return index.all<MessageRecord>(
    `SELECT ${recordColumns} FROM record WHERE mailbox_id = ? AND uid > ? AND expunged IS NULL ORDER BY uid LIMIT ${limit}`,
    mailboxId,
    afterUid,
  );
}

/** Of a living record, what a folder's listing shows. */
export type ListedRecord = Pick<
  MessageRecord,
  'uid' | 'size' | 'internaldate' | 'last_updated' | 'message_id'
>;

/** A page of the living records behind a UID: what a folder lists. Nothing that a listing does not show is read. */
export function listRecords(
  index: IndexFile,
  mailboxId: number,
  afterUid: number,
  limit: number,
): ListedRecord[] {
  const rows = index.allValues<[number, number, number, number, number]>(
    `SELECT uid, size, internaldate, last_updated, message_id FROM record
     WHERE mailbox_id = ? AND uid > ? AND expunged IS NULL ORDER BY uid LIMIT ${limit}`,
    mailboxId,
    afterUid,
  );
  return rows.map(([uid, size, internaldate, last_updated, message_id]) => ({
    uid,
    size,
    internaldate,
    last_updated,
    message_id,
  }));
}

/** Of a living record, what a mailbox's lay-out as one file, or a list of its flags, follows from. */
export type FlaggedRecord = Pick<MessageRecord, 'uid' | 'size' | 'internaldate' | 'flags'>;

/** As listRecords, with flags. */
export function listFlagged(
  index: IndexFile,
  mailboxId: number,
  afterUid: number,
  limit: number,
): FlaggedRecord[] {
  return index.all<FlaggedRecord>(
    `SELECT uid, size, internaldate, flags FROM record
     WHERE mailbox_id = ? AND uid > ? AND expunged IS NULL ORDER BY uid LIMIT ${limit}`,
    mailboxId,
    afterUid,
  );
}

/** A page of the records that lived at a moment. */
export function recordsAt(
  index: IndexFile,
  mailboxId: number,
  time: number,
  afterUid: number,
  limit: number,
): MessageRecord[] {
  return index.all<MessageRecord>(
    `SELECT * FROM (
       SELECT ${recordColumns} FROM record WHERE mailbox_id = ? AND uid > ? AND since <= ?
       UNION ALL
       SELECT ${recordColumns.replaceAll('record.', 'record_history.')} FROM record_history
       WHERE mailbox_id = ? AND uid > ? AND since <= ? AND until > ?)
     WHERE expunged IS NULL ORDER BY uid LIMIT ${limit}`,
    mailboxId,
    afterUid,
    time,
    mailboxId,
    afterUid,
    time,
    time,
  );
}

/** The first living records up to a UID, with their messages' GUIDs. */
export function livingGuids(
  index: IndexFile,
  mailboxId: number,
  lastUid: number,
  limit: number,
): { readonly uid: number; readonly guid: string }[] {
  return index.all(
    `SELECT uid, guid FROM record JOIN message ON message.id = message_id
     WHERE mailbox_id = ? AND uid <= ? AND expunged IS NULL ORDER BY uid LIMIT ${limit}`,
    mailboxId,
    lastUid,
  );
}

export function record(index: IndexFile, mailboxId: number, uid: number): MessageRecord | undefined {
  return index.get<MessageRecord>(
    `SELECT ${recordColumns} FROM record WHERE mailbox_id = ? AND uid = ?`,
    mailboxId,
    uid,
  );
}

// --- messages

/** A message that a record names. */
export interface NamedMessage {
  readonly id: number;
  /** Whether its bytes are here. */
  readonly isHere: boolean;
}

/** A message by GUID, made where it is new: its bytes follow, or are missing. */
export function namedMessage(index: IndexFile, guid: string, size: number): NamedMessage {
  const row = index.get<{ id: number; chunk_id: number | null }>(
    'SELECT id, chunk_id FROM message WHERE guid = ?',
    guid,
  );
  if (row !== undefined) return { id: row.id, isHere: row.chunk_id !== null };
  return { id: index.run('INSERT INTO message (guid, size) VALUES (?, ?)', guid, size), isHere: false };
}

export function messageByGuid(index: IndexFile, guid: string): StoredMessage | undefined {
  return index.get<StoredMessage>(
    'SELECT id, guid, size, chunk_id, offset FROM message WHERE guid = ?',
    guid,
  );
}

export function messageById(index: IndexFile, id: number): StoredMessage | undefined {
  return index.get<StoredMessage>('SELECT id, guid, size, chunk_id, offset FROM message WHERE id = ?', id);
}

/** Whether the message's bytes are here. */
export function hasMessage(index: IndexFile, guid: string): boolean {
  return index.get('SELECT 1 FROM message WHERE guid = ? AND chunk_id IS NOT NULL', guid) !== undefined;
}

export function allMessages(index: IndexFile): IterableIterator<StoredMessage> {
  return index.each<StoredMessage>('SELECT id, guid, size, chunk_id, offset FROM message ORDER BY id');
}

/** Those whose bytes are in a chunk, in the order in which they lie there. */
export function messagesOfChunk(index: IndexFile, chunkId: number): StoredMessage[] {
  return index.all<StoredMessage>(
    'SELECT id, guid, size, chunk_id, offset FROM message WHERE chunk_id = ? ORDER BY offset',
    chunkId,
  );
}

/** The records that name a message: mailbox and UID. */
export function recordsOfMessage(index: IndexFile, messageId: number): MessageRecord[] {
  return index.all<MessageRecord>(
    `SELECT ${recordColumns} FROM record WHERE message_id = ? ORDER BY mailbox_id, uid`,
    messageId,
  );
}

// --- chunks

export function chunks(index: IndexFile): IterableIterator<Chunk> {
  return index.each<Chunk>(`SELECT ${chunkColumns} FROM chunk ORDER BY offset`);
}

export function chunkById(index: IndexFile, id: number): Chunk | undefined {
  return index.get<Chunk>(`SELECT ${chunkColumns} FROM chunk WHERE id = ?`, id);
}

export function chunkCount(index: IndexFile): number {
  return index.get<{ count: number }>('SELECT count(*) AS count FROM chunk')?.count ?? 0;
}

/** The chunk whose gzip member starts there in the file. */
export function chunkAt(index: IndexFile, fileOffset: number): Chunk | undefined {
  return index.get<Chunk>(`SELECT ${chunkColumns} FROM chunk WHERE offset = ?`, fileOffset);
}

export function lastChunk(index: IndexFile): Chunk | undefined {
  return index.get<Chunk>(`SELECT ${chunkColumns} FROM chunk ORDER BY offset DESC LIMIT 1`);
}

/** The last one that nothing is appended to any more. */
export function lastEndedChunk(index: IndexFile): Chunk | undefined {
  return index.get<Chunk>(`SELECT ${chunkColumns} FROM chunk WHERE closed <> 0 ORDER BY offset DESC LIMIT 1`);
}

/** Of all chunks, after decompression. */
export function uncompressedBytes(index: IndexFile): number {
  return index.get<{ bytes: number }>('SELECT total(length) AS bytes FROM chunk')?.bytes ?? 0;
}

/** Of all messages that are here and that a record names which lives, or was expunged after `since` (unix seconds). */
export function neededBytes(index: IndexFile, since: number): number {
  const sql = `SELECT total(size) AS bytes FROM message WHERE chunk_id IS NOT NULL AND EXISTS (
      SELECT 1 FROM record WHERE message_id = message.id AND (expunged IS NULL OR expunged > ?))`;
  return index.get<{ bytes: number }>(sql, since)?.bytes ?? 0;
}

/** When the first record was expunged that was after `since`; null where there is none. */
export function firstExpungedAfter(index: IndexFile, since: number): number | null {
  const sql = 'SELECT min(expunged) AS first FROM record WHERE expunged > ?';
  return index.get<{ first: number | null }>(sql, since)?.first ?? null;
}

// --- items, moments

export function items(index: IndexFile, kind: ItemKind): IterableIterator<Item> {
  return index.each<Item>('SELECT kind, key, value, since FROM item WHERE kind = ? ORDER BY key', kind);
}

export function item(index: IndexFile, kind: ItemKind, key: string): Item | undefined {
  return index.get<Item>('SELECT kind, key, value, since FROM item WHERE kind = ? AND key = ?', kind, key);
}

export function lastMoment(index: IndexFile): number | null {
  return index.get<{ time: number | null }>('SELECT max(time) AS time FROM moment')?.time ?? null;
}
