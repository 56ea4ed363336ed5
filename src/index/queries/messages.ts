/** Queries for messages: what the backup holds of each, and where. */
import type { IndexFile } from '../store/indexFile.ts';
import type { StoredMessage } from '../types.ts';

const columns = 'id, guid, size, chunk_id AS chunkId, offset';

/** A message that a record names. */
export interface NamedMessage {
  readonly id: number;
  /** Whether the backup holds its bytes. */
  readonly isHere: boolean;
}

/** Returns a message by GUID. Creates it, without bytes, if it is new. */
export function namedMessage(index: IndexFile, guid: string, size: number): NamedMessage {
  const row = index.get<{ id: number; chunkId: number | null }>(
    'SELECT id, chunk_id AS chunkId FROM message WHERE guid = ?',
    guid,
  );
  if (row !== undefined) return { id: row.id, isHere: row.chunkId !== null };
  return { id: index.run('INSERT INTO message (guid, size) VALUES (?, ?)', guid, size), isHere: false };
}

export function messageByGuid(index: IndexFile, guid: string): StoredMessage | undefined {
  return index.get<StoredMessage>(`SELECT ${columns} FROM message WHERE guid = ?`, guid);
}

export function messageById(index: IndexFile, id: number): StoredMessage | undefined {
  return index.get<StoredMessage>(`SELECT ${columns} FROM message WHERE id = ?`, id);
}

/** Reports whether the backup holds the message's bytes. */
export function hasMessage(index: IndexFile, guid: string): boolean {
  return index.get('SELECT 1 FROM message WHERE guid = ? AND chunk_id IS NOT NULL', guid) !== undefined;
}

export function allMessages(index: IndexFile): IterableIterator<StoredMessage> {
  return index.each<StoredMessage>(`SELECT ${columns} FROM message ORDER BY id`);
}

/** Returns the messages whose bytes are in a chunk, in their order there. */
export function messagesOfChunk(index: IndexFile, chunkId: number): StoredMessage[] {
  return index.all<StoredMessage>(
    `SELECT ${columns} FROM message WHERE chunk_id = ? ORDER BY offset`,
    chunkId,
  );
}

/** Returns the bytes of held messages with a record that lives or was expunged after `since`. */
export function neededBytes(index: IndexFile, since: number): number {
  const sql = `SELECT total(size) AS bytes FROM message WHERE chunk_id IS NOT NULL AND EXISTS (
      SELECT 1 FROM record WHERE message_id = message.id AND (expunged IS NULL OR expunged > ?))`;
  return index.get<{ bytes: number }>(sql, since)?.bytes ?? 0;
}

/** A held message by its chunk's place in the file and its own place in the chunk. */
export interface PlacedMessage {
  readonly guid: string;
  readonly chunkOffset: number;
  readonly offset: number;
}

/** Iterates over all held messages in their order in the file. */
export function placedMessages(index: IndexFile): IterableIterator<PlacedMessage> {
  return index.each<PlacedMessage>(
    `SELECT guid, chunk.offset AS chunkOffset, message.offset AS offset FROM message JOIN chunk ON chunk.id = chunk_id
     ORDER BY chunk.offset, message.offset`,
  );
}

/** A mailbox and UID under which a message is or was filed. */
export interface FiledMessage {
  /** The mailbox's internal name, a byte string. */
  readonly mailbox: string;
  readonly uid: number;
}

/** Returns the mailboxes and UIDs under which a message is or was filed. */
export function filedUnder(index: IndexFile, guid: string): FiledMessage[] {
  const filed = (table: string): string =>
    `SELECT mailbox.name AS mailbox, uid FROM message JOIN ${table} ON message_id = message.id
       JOIN mailbox ON mailbox.id = mailbox_id WHERE guid = :guid`;
  return index.all(`${filed('record')} UNION ${filed('record_history')} ORDER BY 1, 2`, { guid });
}

/**
 * Marks a message as missing, because its bytes are damaged or unreadable. The master is then asked
 * for the message again.
 */
export function forgetBytes(index: IndexFile, guid: string): void {
  index.run('UPDATE message SET chunk_id = NULL, offset = NULL, undelivered = NULL WHERE guid = ?', guid);
  index.run(
    `UPDATE mailbox SET missing_from = min(coalesce(missing_from, lowest), lowest)
     FROM (SELECT mailbox_id, min(uid) AS lowest FROM record
           WHERE message_id = (SELECT id FROM message WHERE guid = ?) AND expunged IS NULL GROUP BY mailbox_id)
     WHERE mailbox.id = mailbox_id`,
    guid,
  );
}

/** A message whose bytes the backup holds. */
export interface HeldMessage {
  readonly id: number;
  readonly guid: string;
  readonly size: number;
}

const HELD_PAGE = 1000;

/** Yields the held messages after an id, by id. Reads a page at a time. */
export function* heldMessages(index: IndexFile, afterId = 0): Generator<HeldMessage> {
  for (let after = afterId; ;) {
    const page = index.all<HeldMessage>(
      `SELECT id, guid, size FROM message WHERE id > ? AND chunk_id IS NOT NULL ORDER BY id LIMIT ${HELD_PAGE}`,
      after,
    );
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < HELD_PAGE) return;
    after = last.id;
  }
}

/** Returns how many messages after an id are held. */
export function heldAfter(index: IndexFile, afterId: number): number {
  const row = index.get<{ count: number }>(
    'SELECT count(*) AS count FROM message WHERE id > ? AND chunk_id IS NOT NULL',
    afterId,
  );
  return row?.count ?? 0;
}

/** Returns how many messages are held, and the highest id among them; 0 if there is none. */
export function heldTotals(index: IndexFile): { readonly count: number; readonly lastId: number } {
  const row = index.get<{ count: number; lastId: number | null }>(
    'SELECT count(*) AS count, max(id) AS lastId FROM message WHERE chunk_id IS NOT NULL',
  );
  return { count: row?.count ?? 0, lastId: row?.lastId ?? 0 };
}
