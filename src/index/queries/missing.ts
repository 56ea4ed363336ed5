/**
 * Finds records whose messages are missing from the backup: those to request from the master, and
 * those that the master could not send.
 *
 * A master cannot send a message whose file is damaged or gone on the master itself. It then sends
 * NIL instead, and would do so in every sync. So such a message is requested once, and
 * `undelivered` is set. The message is requested again only when its record changes, after a day,
 * or when somebody requests the whole user (decision 27).
 *
 * `mailbox.missing_from` is the lower bound of the search. The fold lowers it when a line names a
 * message that is not held. The search raises the bound past messages that have arrived since. So a
 * search usually reads one row if a message is missing, and none otherwise.
 */
import type { IndexFile } from '../store/indexFile.ts';
import type { FiledMessage } from './messages.ts';

/** The number of rows read in one step, about a millisecond. */
const ROWS_A_STEP = 1024;
const ROWS_AT_FIRST = 16;

type Row = [uid: number, chunkId: number | null, undelivered: number | null];

/** The fields of a mailbox that the search needs. */
interface Searched {
  readonly id: number;
  readonly missingFrom: number | null;
}

/**
 * Returns the lowest UID of a mailbox's living records whose message must be requested from the
 * master, or undefined. Skips messages that were requested after `askedSince` (unix seconds) and
 * could not be sent. Runs in steps of a millisecond, like foldSteps.
 */
export function* firstToAskFor(
  index: IndexFile,
  { id, missingFrom: bound }: Searched,
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

/** Marks a message as requested from the master and not sent by it. */
export function setUndelivered(index: IndexFile, guid: string, time: number): void {
  index.run('UPDATE message SET undelivered = ? WHERE guid = ? AND chunk_id IS NULL', time, guid);
}

/** Clears the mark `undelivered`, so that the message is requested again. */
export function clearUndelivered(index: IndexFile, messageId: number): void {
  index.run('UPDATE message SET undelivered = NULL WHERE id = ? AND undelivered IS NOT NULL', messageId);
}

/** Returns the number of living records in living mailboxes whose messages are missing. */
export function missingCount(index: IndexFile): number {
  const sql = `SELECT count(*) AS count FROM message CROSS JOIN record ON message_id = message.id
     JOIN mailbox ON mailbox.id = mailbox_id
     WHERE message.chunk_id IS NULL AND expunged IS NULL AND deleted IS NULL`;
  return index.get<{ count: number }>(sql)?.count ?? 0;
}

export interface MissingMessage extends FiledMessage {
  readonly guid: string;
}

/** Iterates over the missing messages, or the first of them, by mailbox and UID. */
export function missingMessages(index: IndexFile, limit?: number): IterableIterator<MissingMessage> {
  return index.each<MissingMessage>(
    `SELECT guid, name AS mailbox, uid FROM message CROSS JOIN record ON message_id = message.id
     JOIN mailbox ON mailbox.id = mailbox_id
     WHERE message.chunk_id IS NULL AND expunged IS NULL AND deleted IS NULL ORDER BY name, uid LIMIT ${limit ?? -1}`,
  );
}
