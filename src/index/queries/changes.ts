/**
 * Queries for what has changed in a mailbox since a timestamp, for a caller that has to invalidate
 * what it reported before.
 */
import type { IndexFile } from '../store/indexFile.ts';
import type { MessageRecord } from '../types.ts';

/** A changed record, and since when (unix seconds) it has its present state. */
export type ChangedRecord = Pick<MessageRecord, 'uid' | 'since'>;

/**
 * Returns a mailbox's expunged records that changed at `since` (unix seconds) or later. Cheap,
 * however many records there are.
 */
export function expungedSince(
  index: IndexFile,
  mailboxId: number,
  since: number,
  limit: number,
): ChangedRecord[] {
  return index.all<ChangedRecord>(
    `SELECT uid, since FROM record WHERE mailbox_id = ? AND since >= ? AND expunged IS NOT NULL LIMIT ${limit}`,
    mailboxId,
    since,
  );
}

/**
 * Returns a mailbox's living records that changed at `since` (unix seconds) or later and have an
 * earlier version.
 */
export function changedSince(
  index: IndexFile,
  mailboxId: number,
  since: number,
  limit: number,
): ChangedRecord[] {
  return index.all<ChangedRecord>(
    `SELECT uid, since FROM record WHERE mailbox_id = ? AND since >= ? AND expunged IS NULL AND EXISTS (
       SELECT 1 FROM record_history AS before WHERE before.mailbox_id = record.mailbox_id AND before.uid = record.uid)
     LIMIT ${limit}`,
    mailboxId,
    since,
  );
}
