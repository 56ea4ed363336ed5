/**
 * Queries for mailboxes, now or at a timestamp in unix seconds. Long lists are iterators, or are
 * read row by row by callers that write to the index in between.
 */
import type { IndexFile } from '../store/indexFile.ts';
import type { LiveMailbox, Mailbox } from '../types.ts';

export const mailboxColumns = `id, uniqueid, name, uidvalidity, last_uid AS lastUid,
  CAST(highestmodseq AS TEXT) AS highestmodseq, deleted, state, since`;
const liveColumns = `${mailboxColumns}, crc, crc_annot AS crcAnnot, crc_padding AS crcPadding, sent_crc AS sentCrc,
  sent_crc_annot AS sentCrcAnnot, missing_from AS missingFrom, changed,
  CASE resend WHEN 0 THEN 'none' WHEN 1 THEN 'wanted' ELSE 'futile' END AS resend`;

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

/** Returns the next living mailbox by name; null for `afterName` returns the first. */
export function nextLivingMailbox(index: IndexFile, afterName: string | null): LiveMailbox | undefined {
  return index.get<LiveMailbox>(
    `SELECT ${liveColumns} FROM mailbox WHERE name ${afterName === null ? '>=' : '>'} ? AND deleted IS NULL
     ORDER BY name LIMIT 1`,
    afterName ?? '',
  );
}

export function allMailboxes(index: IndexFile): IterableIterator<LiveMailbox> {
  return index.each<LiveMailbox>(`SELECT ${liveColumns} FROM mailbox ORDER BY id`);
}

const versionsAt = (condition: string): string =>
  `SELECT * FROM (
    SELECT ${mailboxColumns} FROM mailbox WHERE since <= :time
    UNION ALL
    SELECT ${mailboxColumns} FROM mailbox_history WHERE since <= :time AND until > :time)
   WHERE ${condition} ORDER BY name`;

/** Returns the mailboxes that lived at a timestamp, as they were then. */
export function mailboxesAt(index: IndexFile, time: number): Mailbox[] {
  return index.all<Mailbox>(versionsAt('deleted IS NULL'), { time });
}

/** Returns the mailboxes deleted by a timestamp, in their last state. */
export function goneMailboxesAt(index: IndexFile, time: number): Mailbox[] {
  return index.all<Mailbox>(versionsAt('deleted IS NOT NULL'), { time });
}

/** Returns a mailbox as it was at a timestamp, living or deleted. */
export function mailboxAt(index: IndexFile, id: number, time: number): Mailbox | undefined {
  return index.get<Mailbox>(versionsAt('id = :id'), { time, id });
}

/**
 * A mailbox with the time of its last change, in unix seconds. The CRC is present for the current
 * state only.
 */
export type ViewMailbox = Mailbox & Pick<LiveMailbox, 'changed'> & Partial<Pick<LiveMailbox, 'crc'>>;

/**
 * Returns the mailboxes that exist now (null) or existed at a timestamp, by name. The timestamp
 * then also serves as the time of each mailbox's last change.
 */
export function shownMailboxes(index: IndexFile, time: number | null): Iterable<ViewMailbox> {
  if (time === null) return livingMailboxes(index);
  return mailboxesAt(index, time).map((mailbox) => ({ ...mailbox, changed: time }));
}

/** Returns the mailboxes that were deleted for good by now (null) or by a timestamp. */
export function deletedMailboxes(index: IndexFile, time: number | null): LiveMailbox[] {
  return [...allMailboxes(index)].filter(
    ({ deleted }) => deleted !== null && (time === null || deleted <= time),
  );
}

/** Returns the names of the deleted mailboxes and their deletion times (unix seconds). */
export function removedNames(index: IndexFile): { readonly name: string; readonly deleted: number }[] {
  return index.all<{ name: string; deleted: number }>(
    'SELECT name, deleted FROM mailbox WHERE deleted IS NOT NULL',
  );
}

/** Returns the ids of the mailboxes with expunged messages that are still held. */
export function mailboxesWithExpunged(index: IndexFile, time: number | null): Set<number> {
  const rows = index.all<{ id: number }>(
    `SELECT id FROM mailbox WHERE EXISTS (
       SELECT 1 FROM record INDEXED BY record_expunged JOIN message ON message.id = message_id
       WHERE mailbox_id = mailbox.id AND expunged IS NOT NULL AND chunk_id IS NOT NULL
         ${time === null ? '' : 'AND expunged <= ?'})`,
    ...(time === null ? [] : [time]),
  );
  return new Set(rows.map(({ id }) => id));
}
