/**
 * Queries for how records changed: since a timestamp, so that callers can invalidate what they have
 * cached, and between two timestamps. Timestamps are in unix seconds.
 */
import type { IndexFile } from '../store/indexFile.ts';
import type { MessageRecord } from '../types.ts';
import type { RecordWithGuid } from './records.ts';

/** A changed record with the time from which its present state is valid. */
export type ChangedRecord = Pick<MessageRecord, 'uid' | 'since'>;

const changedSql = 'SELECT uid, since FROM record WHERE mailbox_id = ? AND since >= ?';

/**
 * Returns a mailbox's expunged records that changed at `since` or later. The query is fast for any
 * number of records.
 */
export function expungedSince(
  index: IndexFile,
  mailboxId: number,
  since: number,
  limit: number,
): ChangedRecord[] {
  return index.all(`${changedSql} AND expunged IS NOT NULL LIMIT ${limit}`, mailboxId, since);
}

/**
 * Returns a mailbox's living records that changed at `since` or later and have an earlier version.
 */
export function changedSince(
  index: IndexFile,
  mailboxId: number,
  since: number,
  limit: number,
): ChangedRecord[] {
  return index.all(
    `${changedSql} AND expunged IS NULL AND EXISTS (
       SELECT 1 FROM record_history AS before WHERE before.mailbox_id = record.mailbox_id AND before.uid = record.uid)
     LIMIT ${limit}`,
    mailboxId,
    since,
  );
}

/**
 * Returns the records that were expunged after `from` and up to `to`, in their last state before.
 */
export function expungedBetween(
  index: IndexFile,
  mailboxId: number,
  from: number,
  to: number,
): RecordWithGuid[] {
  return index.all<RecordWithGuid>(
    `SELECT now.mailbox_id AS mailboxId, now.uid AS uid,
            CAST(coalesce(before.modseq, now.modseq) AS TEXT) AS modseq,
            coalesce(before.last_updated, now.last_updated) AS lastUpdated,
            coalesce(before.internaldate, now.internaldate) AS internaldate,
            now.size AS size, now.message_id AS messageId,
            coalesce(before.flags, now.flags) AS flags,
            coalesce(before.annotations, now.annotations) AS annotations,
            coalesce(before.extra, now.extra) AS extra, NULL AS expunged,
            now.since AS since, guid, chunk_id AS chunkId
     FROM record AS now JOIN message ON message.id = now.message_id
     LEFT JOIN record_history AS before
       ON before.mailbox_id = now.mailbox_id AND before.uid = now.uid
         AND before.until = now.expunged AND before.expunged IS NULL
     WHERE now.mailbox_id = ? AND now.expunged > ? AND now.expunged <= ? ORDER BY now.uid`,
    mailboxId,
    from,
    to,
  );
}

/**
 * Reports whether a message lived in a living mailbox at a timestamp. `deletedPattern` (GLOB)
 * excludes deleted mailboxes that only wait for their removal.
 */
export function livesAt(index: IndexFile, messageId: number, time: number, deletedPattern: string): boolean {
  const row = index.get(
    `SELECT 1 FROM (
       SELECT mailbox_id FROM record WHERE message_id = :messageId AND since <= :time AND expunged IS NULL
       UNION
       SELECT record_history.mailbox_id FROM record
         JOIN record_history ON record_history.mailbox_id = record.mailbox_id AND record_history.uid = record.uid
       WHERE record.message_id = :messageId AND record_history.message_id = :messageId
         AND record_history.since <= :time AND until > :time AND record_history.expunged IS NULL) AS holder
     JOIN (SELECT id, name FROM mailbox WHERE since <= :time AND deleted IS NULL
           UNION ALL
           SELECT id, name FROM mailbox_history WHERE since <= :time AND until > :time AND deleted IS NULL) AS box
       ON box.id = holder.mailbox_id
     WHERE box.name NOT GLOB :deletedPattern AND box.name NOT GLOB '*!' || :deletedPattern LIMIT 1`,
    { messageId, time, deletedPattern },
  );
  return row !== undefined;
}

/** Returns when a message was first stored in a mailbox. */
export function firstSeen(index: IndexFile, mailboxId: number, uid: number): number {
  const row = index.get<{ first: number | null }>(
    `SELECT min(first) AS first FROM (
       SELECT since AS first FROM record WHERE mailbox_id = :mailboxId AND uid = :uid
       UNION ALL SELECT since FROM record_history WHERE mailbox_id = :mailboxId AND uid = :uid)`,
    { mailboxId, uid },
  );
  return row?.first ?? 0;
}
