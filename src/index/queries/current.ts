/** Queries for the current state of an index. Long lists are iterators or pages. */
import type { IndexFile } from '../store/indexFile.ts';
import type { Chunk, Item, ItemKind, LiveMailbox, Mailbox, MessageRecord, StoredMessage } from '../types.ts';

/** A record with its message's GUID and chunk; chunk_id is null if the bytes are missing. */
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

/** Returns the living mailbox with this internal name. */
export function mailboxByName(index: IndexFile, name: string): LiveMailbox | undefined {
  return index.get<LiveMailbox>(
    `SELECT ${liveColumns} FROM mailbox WHERE name = ? AND deleted IS NULL`,
    name,
  );
}

export function mailboxById(index: IndexFile, id: number): LiveMailbox | undefined {
  return index.get<LiveMailbox>(`SELECT ${liveColumns} FROM mailbox WHERE id = ?`, id);
}

/** Iterates over the mailboxes that the master has, including DELETED ones, by name. */
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

/** Returns the mailboxes that lived at a timestamp, as they were then. */
export function mailboxesAt(index: IndexFile, time: number): Mailbox[] {
  const sql = `${mailboxesAtSql} WHERE deleted IS NULL ORDER BY name`;
  return index.all<Mailbox>(sql, time, time, time);
}

/** Returns the mailboxes deleted by a timestamp, in their last state. */
export function goneMailboxesAt(index: IndexFile, time: number): Mailbox[] {
  const sql = `${mailboxesAtSql} WHERE deleted IS NOT NULL ORDER BY name`;
  return index.all<Mailbox>(sql, time, time, time);
}

// --- records

/** Iterates over all records of a mailbox by UID, including expunged ones. */
export function records(index: IndexFile, mailboxId: number): IterableIterator<RecordWithGuid> {
  return index.each<RecordWithGuid>(
    `SELECT ${recordColumns}, guid, chunk_id FROM record JOIN message ON message.id = message_id
     WHERE mailbox_id = ? ORDER BY uid`,
    mailboxId,
  );
}

/** Returns a page of the living records after a UID, with all columns. */
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

/** The part of a living record that a folder's listing shows. */
export type ListedRecord = Pick<
  MessageRecord,
  'uid' | 'size' | 'internaldate' | 'last_updated' | 'message_id'
>;

/** Returns a page of the living records after a UID. Reads only what a listing shows. */
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

/** The part of a living record that an mbox layout or a list of flags is derived from. */
export type FlaggedRecord = Pick<MessageRecord, 'uid' | 'size' | 'internaldate' | 'flags'>;

/** Returns the same page as listRecords, with flags. */
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

/** Returns a page of the records that lived at a timestamp. */
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

/** Returns the first living records up to a UID, with their messages' GUIDs. */
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
  /** Whether the backup holds its bytes. */
  readonly isHere: boolean;
}

/** Returns a message by GUID. Creates it, without bytes, if it is new. */
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

/** Reports whether the backup holds the message's bytes. */
export function hasMessage(index: IndexFile, guid: string): boolean {
  return index.get('SELECT 1 FROM message WHERE guid = ? AND chunk_id IS NOT NULL', guid) !== undefined;
}

export function allMessages(index: IndexFile): IterableIterator<StoredMessage> {
  return index.each<StoredMessage>('SELECT id, guid, size, chunk_id, offset FROM message ORDER BY id');
}

/** Returns the messages whose bytes are in a chunk, in their order there. */
export function messagesOfChunk(index: IndexFile, chunkId: number): StoredMessage[] {
  return index.all<StoredMessage>(
    'SELECT id, guid, size, chunk_id, offset FROM message WHERE chunk_id = ? ORDER BY offset',
    chunkId,
  );
}

/** Returns the records that name a message, by mailbox and UID. */
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

/** Returns the chunk whose gzip member starts at this offset in the file. */
export function chunkAt(index: IndexFile, fileOffset: number): Chunk | undefined {
  return index.get<Chunk>(`SELECT ${chunkColumns} FROM chunk WHERE offset = ?`, fileOffset);
}

export function lastChunk(index: IndexFile): Chunk | undefined {
  return index.get<Chunk>(`SELECT ${chunkColumns} FROM chunk ORDER BY offset DESC LIMIT 1`);
}

/** Returns the last complete chunk. */
export function lastEndedChunk(index: IndexFile): Chunk | undefined {
  return index.get<Chunk>(`SELECT ${chunkColumns} FROM chunk WHERE closed <> 0 ORDER BY offset DESC LIMIT 1`);
}

/** Returns the total size of all chunks after decompression. */
export function uncompressedBytes(index: IndexFile): number {
  return index.get<{ bytes: number }>('SELECT total(length) AS bytes FROM chunk')?.bytes ?? 0;
}

/** Returns the bytes of held messages with a record that lives or was expunged after `since`. */
export function neededBytes(index: IndexFile, since: number): number {
  const sql = `SELECT total(size) AS bytes FROM message WHERE chunk_id IS NOT NULL AND EXISTS (
      SELECT 1 FROM record WHERE message_id = message.id AND (expunged IS NULL OR expunged > ?))`;
  return index.get<{ bytes: number }>(sql, since)?.bytes ?? 0;
}

/** Returns the first time after `since` at which a record was expunged; null if none was. */
export function firstExpungedAfter(index: IndexFile, since: number): number | null {
  const sql = 'SELECT min(expunged) AS first FROM record WHERE expunged > ?';
  return index.get<{ first: number | null }>(sql, since)?.first ?? null;
}

// --- items, timestamps

export function items(index: IndexFile, kind: ItemKind): IterableIterator<Item> {
  return index.each<Item>('SELECT kind, key, value, since FROM item WHERE kind = ? ORDER BY key', kind);
}

export function item(index: IndexFile, kind: ItemKind, key: string): Item | undefined {
  return index.get<Item>('SELECT kind, key, value, since FROM item WHERE kind = ? AND key = ?', kind, key);
}

export function lastTimestamp(index: IndexFile): number | null {
  return index.get<{ time: number | null }>('SELECT max(time) AS time FROM moment')?.time ?? null;
}
