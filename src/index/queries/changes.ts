/**
 * Queries for changes in a mailbox since a timestamp. Callers use them to invalidate what they have
 * cached.
 */
import type { IndexFile } from '../store/indexFile.ts';
import type { MessageRecord } from '../types.ts';

/** A changed record with the time (unix seconds) from which its present state is valid. */
export type ChangedRecord = Pick<MessageRecord, 'uid' | 'since'>;

/**
 * Returns a mailbox's expunged records that changed at `since` (unix seconds) or later. The query
 * is fast for any number of records.
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
