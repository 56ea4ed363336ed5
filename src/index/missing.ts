/**
 * Records whose messages are not here: which of them a master is to be asked for, and which it was asked for in vain.
 *
 * A master may be unable to send a message at all: its own file is damaged or gone. It then sends NIL in place of the file,
 * and would do so in every round. So such a message is asked for once (`undelivered` is set), and again only when its record
 * changes, or after a day, or when somebody asks for the whole user (decision 27).
 *
 * `mailbox.missing_from` bounds the search from below. The fold lowers it where a line names a message that is not here;
 * what arrives later is noticed here, and the bound is raised. So a look costs one row where it finds something, and
 * nothing where nothing is missing.
 */
import type { IndexFile } from './indexFile.ts';

/** Rows that are read in one step: about a millisecond. */
const ROWS_A_STEP = 1024;
const ROWS_AT_FIRST = 16;

type Row = [uid: number, chunkId: number | null, undelivered: number | null];

/** What the search needs to know of a mailbox. */
interface Searched {
  readonly id: number;
  readonly missing_from: number | null;
}

/**
 * The lowest UID among a mailbox's living records whose message is to be asked for, or undefined. Messages that the master could
 * not send after `askedSince` (unix seconds) are passed over. In steps of a millisecond, as foldSteps.
 */
export function* firstToAskFor(
  index: IndexFile,
  { id, missing_from: bound }: Searched,
  askedSince: number,
): Generator<void, number | undefined, void> {
  if (bound === null) return undefined;
  let firstMissing: number | null = null;
  let from = bound;
  for (let limit = ROWS_AT_FIRST; ; limit = ROWS_A_STEP) {
    const rows = index.allValues<Row>(
      `SELECT uid, chunk_id, undelivered FROM record JOIN message ON message.id = message_id
       WHERE mailbox_id = ? AND uid >= ? AND expunged IS NULL ORDER BY uid LIMIT ${limit}`,
      id,
      from,
    );
    for (const [uid, chunkId, undelivered] of rows) {
      if (chunkId !== null) continue;
      firstMissing ??= uid;
      if (undelivered !== null && undelivered > askedSince) continue;
      raise(index, id, bound, firstMissing);
      return uid;
    }
    if (rows.length < limit) break;
    from = rows[rows.length - 1]![0] + 1;
    yield;
  }
  raise(index, id, bound, firstMissing);
  return undefined;
}

function raise(index: IndexFile, id: number, bound: number, firstMissing: number | null): void {
  if (firstMissing === bound) return;
  index.run('UPDATE mailbox SET missing_from = ? WHERE id = ?', firstMissing, id);
}

/** The master was asked for this message, and could not send it. */
export function setUndelivered(index: IndexFile, guid: string, time: number): void {
  index.run('UPDATE message SET undelivered = ? WHERE guid = ? AND chunk_id IS NULL', time, guid);
}

/** It is to be asked for again. */
export function clearUndelivered(index: IndexFile, messageId: number): void {
  index.run('UPDATE message SET undelivered = NULL WHERE id = ? AND undelivered IS NOT NULL', messageId);
}

/** How many living records of living mailboxes lack their messages. */
export function missingCount(index: IndexFile): number {
  const sql = `SELECT count(*) AS count FROM message CROSS JOIN record ON message_id = message.id
     JOIN mailbox ON mailbox.id = mailbox_id
     WHERE message.chunk_id IS NULL AND expunged IS NULL AND deleted IS NULL`;
  return index.get<{ count: number }>(sql)?.count ?? 0;
}

export interface MissingMessage {
  readonly guid: string;
  /** Internal name, a byte string. */
  readonly mailbox: string;
  readonly uid: number;
}

/** The first of them, by mailbox and UID. */
export function missingMessages(index: IndexFile, limit: number): MissingMessage[] {
  return index.all<MissingMessage>(
    `SELECT guid, name AS mailbox, uid FROM message CROSS JOIN record ON message_id = message.id
     JOIN mailbox ON mailbox.id = mailbox_id
     WHERE message.chunk_id IS NULL AND expunged IS NULL AND deleted IS NULL ORDER BY name, uid LIMIT ${limit}`,
  );
}
