/**
 * Queries with which the mount lists folders at a timestamp in unix seconds; null means now. The
 * queries for their records are in atTime.ts.
 */
import type { IndexFile } from '../store/indexFile.ts';
import { mailboxesAt, allMailboxes } from './current.ts';
import type { LiveMailbox, Mailbox } from '../types.ts';

/**
 * A mailbox with the time of its last change, in unix seconds. The CRC is present for the current
 * state only.
 */
export type ViewMailbox = Mailbox & Pick<LiveMailbox, 'changed'> & Partial<Pick<LiveMailbox, 'crc'>>;

/**
 * Returns the mailboxes that existed at a timestamp, by name. The timestamp also serves as the time
 * of each mailbox's last change.
 */
export function shownMailboxesAt(index: IndexFile, time: number): ViewMailbox[] {
  return mailboxesAt(index, time).map((mailbox) => ({ ...mailbox, changed: time }));
}

/** Returns the mailboxes that were deleted for good, in their last state. */
export function goneMailboxes(index: IndexFile, time: number | null): ViewMailbox[] {
  return [...allMailboxes(index)].filter(
    ({ deleted }) => deleted !== null && (time === null || deleted <= time),
  );
}

/** Returns the names of the deleted mailboxes and their deletion times (unix seconds). */
export function removedMailboxes(index: IndexFile): { readonly name: string; readonly deleted: number }[] {
  return index.all<{ name: string; deleted: number }>(
    'SELECT name, deleted FROM mailbox WHERE deleted IS NOT NULL',
  );
}

/** Returns the ids of the mailboxes with expunged messages that are still held. */
export function mailboxesWithExpunged(index: IndexFile, time: number | null): Set<number> {
  const sql = (when: string): string =>
    `SELECT id AS mailbox_id FROM mailbox WHERE EXISTS (
       SELECT 1 FROM record INDEXED BY record_expunged JOIN message ON message.id = message_id
       WHERE mailbox_id = mailbox.id AND expunged IS NOT NULL AND chunk_id IS NOT NULL ${when})`;
  const rows =
    time === null
      ? index.all<{ mailbox_id: number }>(sql(''))
      : index.all<{ mailbox_id: number }>(sql('AND expunged <= ?'), time);
  return new Set(rows.map(({ mailbox_id }) => mailbox_id));
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

export interface Copy {
  readonly message_id: number;
  readonly internaldate: number;
  readonly mailbox_id: number;
}

/** Iterates over the living records that share their message with other living records. */
export function copies(index: IndexFile): IterableIterator<Copy> {
  return index.each<Copy>(
    `SELECT message_id, internaldate, mailbox_id FROM record WHERE expunged IS NULL AND message_id IN (
       SELECT message_id FROM record WHERE expunged IS NULL GROUP BY message_id HAVING count(*) > 1)`,
  );
}

/** Iterates over the same records as copies, but at a timestamp. */
export function copiesAt(index: IndexFile, time: number): IterableIterator<Copy> {
  return index.each<Copy>(
    `WITH alive AS (
       SELECT message_id, internaldate, mailbox_id FROM record WHERE since <= ? AND expunged IS NULL
       UNION ALL
       SELECT message_id, internaldate, mailbox_id FROM record_history
       WHERE since <= ? AND until > ? AND expunged IS NULL)
     SELECT * FROM alive WHERE message_id IN (
       SELECT message_id FROM alive GROUP BY message_id HAVING count(*) > 1)`,
    time,
    time,
    time,
  );
}

/**
 * Returns, for each given time, the last timestamp at or before it at which something changed. No
 * timestamp is returned twice; the order is that of the given times. Each given time costs one
 * index lookup, for any number of stored timestamps.
 */
export function timestampsAtOrBefore(index: IndexFile, times: Iterable<number>): number[] {
  const found = new Set<number>();
  for (const time of times) {
    const row = index.get<{ time: number | null }>(
      'SELECT max(time) AS time FROM moment WHERE time <= ?',
      time,
    );
    if (row?.time != null) found.add(row.time);
  }
  return [...found];
}

/** Returns the last timestamps at which something changed, the latest first. */
export function lastTimestamps(index: IndexFile, limit: number): number[] {
  return index
    .all<{ time: number }>(`SELECT time FROM moment ORDER BY time DESC LIMIT ${limit}`)
    .map(({ time }) => time);
}

export function firstTimestamp(index: IndexFile): number | null {
  return index.get<{ time: number | null }>('SELECT min(time) AS time FROM moment')?.time ?? null;
}
