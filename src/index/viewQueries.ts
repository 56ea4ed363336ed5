/** What the mount asks for to show folders, now or at a moment (unix seconds; null: now). Their records: momentQueries.ts. */
import type { IndexFile } from './indexFile.ts';
import { mailboxesAt, allMailboxes } from './queries.ts';
import type { LiveMailbox, Mailbox } from './types.ts';

/** A mailbox with the time of its last change, in unix seconds; and of what holds now, its CRC. */
export type ViewMailbox = Mailbox & Pick<LiveMailbox, 'changed'> & Partial<Pick<LiveMailbox, 'crc'>>;

/** Mailboxes that were there at a moment, by name, each with that moment as the time of its change. */
export function shownMailboxesAt(index: IndexFile, time: number): ViewMailbox[] {
  return mailboxesAt(index, time).map((mailbox) => ({ ...mailbox, changed: time }));
}

/** Mailboxes that are gone for good: what they were last. */
export function goneMailboxes(index: IndexFile, time: number | null): ViewMailbox[] {
  return [...allMailboxes(index)].filter(
    ({ deleted }) => deleted !== null && (time === null || deleted <= time),
  );
}

/** Names of the mailboxes that are gone for good, and when they went (unix seconds). */
export function removedMailboxes(index: IndexFile): { readonly name: string; readonly deleted: number }[] {
  return index.all<{ name: string; deleted: number }>(
    'SELECT name, deleted FROM mailbox WHERE deleted IS NOT NULL',
  );
}

/** Ids of the mailboxes with expunged messages that are still here. */
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

/** The flags of a mailbox's living records, each combination once, in the order of the lowest UID that has it. */
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

/** Living records whose message others have, too. */
export function copies(index: IndexFile): IterableIterator<Copy> {
  return index.each<Copy>(
    `SELECT message_id, internaldate, mailbox_id FROM record WHERE expunged IS NULL AND message_id IN (
       SELECT message_id FROM record WHERE expunged IS NULL GROUP BY message_id HAVING count(*) > 1)`,
  );
}

/** As copies, at a moment. */
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
 * The last moments at or before each of the given times at which something changed, none twice, in the order given.
 * One look into an index each, however many moments there are.
 */
export function momentsAtOrBefore(index: IndexFile, times: Iterable<number>): number[] {
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

/** The last so many moments, the latest first. */
export function lastMoments(index: IndexFile, limit: number): number[] {
  return index
    .all<{ time: number }>(`SELECT time FROM moment ORDER BY time DESC LIMIT ${limit}`)
    .map(({ time }) => time);
}

export function firstMoment(index: IndexFile): number | null {
  return index.get<{ time: number | null }>('SELECT min(time) AS time FROM moment')?.time ?? null;
}
