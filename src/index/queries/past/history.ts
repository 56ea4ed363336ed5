/**
 * Queries for the versions that a mailbox or a message's records had over time. Compaction drops
 * versions that ended before the horizon.
 */
import type { IndexFile } from '../../store/indexFile.ts';
import type { Mailbox } from '../../types.ts';
import { mailboxColumns } from '../mailboxes.ts';

/** Returns the versions of a mailbox, oldest first. */
export function mailboxVersions(index: IndexFile, id: number): Mailbox[] {
  const sql = `SELECT ${mailboxColumns} FROM mailbox_history WHERE id = ?
    UNION ALL SELECT ${mailboxColumns} FROM mailbox WHERE id = ? ORDER BY since`;
  return index.all<Mailbox>(sql, id, id);
}

/** A record as it was from `since` on. */
export interface RecordVersion {
  readonly mailboxId: number;
  readonly uid: number;
  readonly modseq: string;
  readonly flags: string;
  readonly expunged: number | null;
  readonly since: number;
}

const recordColumns = (table: string): string =>
  `${table}.mailbox_id AS mailboxId, ${table}.uid, CAST(${table}.modseq AS TEXT) AS modseq, ${table}.flags, ${table}.expunged,
   ${table}.since`;

/** Returns the versions of all records of a message, by mailbox and UID, oldest first. */
export function messageVersions(index: IndexFile, messageId: number): RecordVersion[] {
  return index.all<RecordVersion>(
    `SELECT * FROM (
       SELECT ${recordColumns('record')} FROM record WHERE message_id = ?
       UNION ALL
       SELECT ${recordColumns('record_history')} FROM record
         JOIN record_history ON record_history.mailbox_id = record.mailbox_id AND record_history.uid = record.uid
       WHERE record.message_id = ?) ORDER BY mailboxId, uid, since`,
    messageId,
    messageId,
  );
}

/** Returns the versions of one record that began after `time`, oldest first. */
export function recordVersionsSince(
  index: IndexFile,
  mailboxId: number,
  uid: number,
  time: number,
): RecordVersion[] {
  return index.all<RecordVersion>(
    `SELECT ${recordColumns('record_history')} FROM record_history WHERE mailbox_id = ? AND uid = ? AND since > ?
     UNION ALL
     SELECT ${recordColumns('record')} FROM record WHERE mailbox_id = ? AND uid = ? AND since > ? ORDER BY since`,
    mailboxId,
    uid,
    time,
    mailboxId,
    uid,
    time,
  );
}

/** How many records of a mailbox came, went and changed at a timestamp. */
export interface MailboxTurnover {
  readonly time: number;
  readonly came: number;
  readonly went: number;
  readonly changed: number;
}

/** Returns the timestamps at which records of a mailbox changed, oldest first. */
export function mailboxTurnover(index: IndexFile, mailboxId: number): MailboxTurnover[] {
  return index.all<MailboxTurnover>(
    `WITH version AS (
       SELECT uid, since, expunged FROM record_history WHERE mailbox_id = ?
       UNION ALL SELECT uid, since, expunged FROM record WHERE mailbox_id = ?),
     step AS (SELECT since, expunged, lag(since) OVER one AS before, lag(expunged) OVER one AS was
       FROM version WINDOW one AS (PARTITION BY uid ORDER BY since))
     SELECT since AS time, sum(before IS NULL AND expunged IS NULL) AS came,
       sum(expunged IS NOT NULL AND was IS NULL) AS went,
       sum(before IS NOT NULL AND (expunged IS NULL) = (was IS NULL)) AS changed
     FROM step GROUP BY since ORDER BY since`,
    mailboxId,
    mailboxId,
  );
}
