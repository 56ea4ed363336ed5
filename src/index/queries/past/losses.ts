/**
 * Queries for messages that a user lost in a short time: expunged everywhere, or in mailboxes that
 * were deleted. A message that was moved is not lost. Nor is one that had been in the trash before.
 */
import type { IndexFile } from '../../store/indexFile.ts';

/** Names and special uses of mailboxes whose content people throw away. */
const TRASH = `(name GLOB '*.[Tt]rash' OR name GLOB '*.[Jj]unk' OR name GLOB '*.[Ss]pam'
  OR name GLOB '*.Deleted [IM]*' OR state LIKE '%\\Trash%' OR state LIKE '%\\Junk%')`;

/**
 * Returns how many records were expunged at `since` (unix seconds) or later, and how many living
 * ones are in mailboxes that were deleted since. Moved messages count; a record that was expunged
 * when it first came does not. Reads little: only mailboxes that changed since are looked at.
 */
export function expungesSince(index: IndexFile, since: number, deletedPattern: string): number {
  const sql = `SELECT
      (SELECT count(*) FROM mailbox CROSS JOIN record ON mailbox_id = mailbox.id
       WHERE mailbox.changed >= ? AND record.since >= ? AND expunged >= ?
         AND EXISTS (SELECT 1 FROM record_history AS history
           WHERE history.mailbox_id = record.mailbox_id AND history.uid = record.uid))
    + (SELECT count(*) FROM mailbox CROSS JOIN record ON mailbox_id = mailbox.id
       WHERE mailbox.since >= ? AND expunged IS NULL AND ${gone('mailbox')}
         AND EXISTS (SELECT 1 FROM mailbox_history AS before WHERE before.id = mailbox.id
           AND before.until >= ? AND before.deleted IS NULL AND ${living('before')})) AS count`;
  const times = [since, since, since, since];
  const patterns = [deletedPattern, deletedPattern];
  const row = index.get<{ count: number }>(sql, ...times, ...patterns, since, ...patterns);
  return row?.count ?? 0;
}

const gone = (table: string): string =>
  `(${table}.deleted IS NOT NULL OR ${table}.name GLOB ? OR ${table}.name GLOB '*!' || ?)`;
const living = (table: string): string => `NOT (${table}.name GLOB ? OR ${table}.name GLOB '*!' || ?)`;

/** Losses are counted up to this number, which takes a tenth of a second. */
const MOST_COUNTED = 20_000;

/**
 * Returns how many messages lived before `since` (unix seconds) and live nowhere now, up to
 * MOST_COUNTED. Messages in the trash do not count: emptying it is ordinary. One that was put there
 * since counts with the mailbox that it came from.
 */
export function lostSince(index: IndexFile, since: number, deletedPattern: string): number {
  const cameAt = `coalesce((SELECT min(history.since) FROM record_history AS history
      WHERE history.mailbox_id = record.mailbox_id AND history.uid = record.uid), record.since)`;
  const sql = `SELECT count(*) AS count FROM (SELECT DISTINCT record.message_id
    FROM mailbox CROSS JOIN record ON mailbox_id = mailbox.id
    WHERE (mailbox.changed >= ? OR mailbox.since >= ?)
      AND ((expunged >= ? AND record.since >= ?) OR (expunged IS NULL AND mailbox.since >= ? AND ${gone('mailbox')}))
      AND NOT ${TRASH} AND ${cameAt} < ?
      AND NOT EXISTS (SELECT 1 FROM record AS other JOIN mailbox AS home ON home.id = other.mailbox_id
        WHERE other.message_id = record.message_id AND other.expunged IS NULL
          AND home.deleted IS NULL AND ${living('home')})
    LIMIT ${MOST_COUNTED})`;
  const patterns = [deletedPattern, deletedPattern];
  const times = [since, since, since, since, since];
  const row = index.get<{ count: number }>(sql, ...times, ...patterns, since, ...patterns);
  return row?.count ?? 0;
}

const DAY_S = 86_400;

/**
 * Returns the most messages that were lost in one day, in the `days` days before `before` (unix
 * seconds). Looks at MOST_COUNTED expunged records.
 */
export function mostLostInADay(
  index: IndexFile,
  before: number,
  { days, deletedPattern }: { readonly days: number; readonly deletedPattern: string },
): number {
  const sql = `SELECT max(count) AS most FROM (SELECT count(*) AS count FROM (
      SELECT expunged, message_id FROM mailbox CROSS JOIN record ON mailbox_id = mailbox.id
      WHERE expunged IS NOT NULL AND expunged < ? AND expunged >= ? AND NOT ${TRASH} LIMIT ${MOST_COUNTED}) AS gone
    WHERE NOT EXISTS (SELECT 1 FROM record AS other JOIN mailbox AS home ON home.id = other.mailbox_id
      WHERE other.message_id = gone.message_id AND other.expunged IS NULL AND home.deleted IS NULL
        AND ${living('home')})
    GROUP BY (? - expunged) / ${DAY_S})`;
  const values = [before, before - days * DAY_S, deletedPattern, deletedPattern, before];
  return index.get<{ most: number | null }>(sql, ...values)?.most ?? 0;
}

/** Returns how many messages live in the user's mailboxes. */
export function livingMessages(index: IndexFile, deletedPattern: string): number {
  const sql = `SELECT count(*) AS count FROM mailbox CROSS JOIN record ON mailbox_id = mailbox.id
    WHERE mailbox.deleted IS NULL AND ${living('mailbox')} AND expunged IS NULL`;
  return index.get<{ count: number }>(sql, deletedPattern, deletedPattern)?.count ?? 0;
}
