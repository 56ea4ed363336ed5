/** What has changed in a mailbox since a moment, for whoever told somebody what was before. */
import type { IndexFile } from '../store/indexFile.ts';
import type { MessageRecord } from '../types.ts';

/** A record that is not what it was, and since when (unix seconds) it is as it is. */
export type ChangedRecord = Pick<MessageRecord, 'uid' | 'since'>;

/** A mailbox's records that are expunged, and have changed at `since` (unix seconds) or later; cheap however many there are. */
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

/** A mailbox's living records that were something else before, and have changed at `since` (unix seconds) or later. */
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
