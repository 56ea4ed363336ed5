/**
 * Queries that return one row or page at a time, starting after the last key. They serve callers
 * that write to the index or wait for a peer between two pages.
 */
import type { IndexFile } from '../store/indexFile.ts';
import { liveColumns, recordColumns } from './current.ts';
import type { RecordWithGuid } from './current.ts';
import type { Item, ItemKind, LiveMailbox } from '../types.ts';

/** Returns the next living mailbox by name; null for `afterName` returns the first. */
export function nextLivingMailbox(index: IndexFile, afterName: string | null): LiveMailbox | undefined {
  return index.get<LiveMailbox>(
    `SELECT ${liveColumns} FROM mailbox WHERE name ${afterName === null ? '>=' : '>'} ? AND deleted IS NULL
     ORDER BY name LIMIT 1`,
    afterName ?? '',
  );
}

/** Returns all records after a UID, including expunged ones. */
export function recordsAfter(
  index: IndexFile,
  mailboxId: number,
  afterUid: number,
  limit: number,
): RecordWithGuid[] {
  return index.all<RecordWithGuid>(
    `SELECT ${recordColumns}, guid, chunk_id FROM record JOIN message ON message.id = message_id
     WHERE mailbox_id = ? AND uid > ? ORDER BY uid LIMIT ${limit}`,
    mailboxId,
    afterUid,
  );
}

/** Returns the UIDs of living records after a UID. */
export function livingUidsAfter(
  index: IndexFile,
  mailboxId: number,
  afterUid: number,
  limit: number,
): number[] {
  const sql = `SELECT uid FROM record WHERE mailbox_id = ? AND uid > ? AND expunged IS NULL ORDER BY uid LIMIT ${limit}`;
  return index.allValues<[number]>(sql, mailboxId, afterUid).map(([uid]) => uid);
}

/** Returns the next item of a kind by key; null for `afterKey` returns the first. */
export function nextItem(index: IndexFile, kind: ItemKind, afterKey: string | null): Item | undefined {
  return index.get<Item>(
    `SELECT kind, key, value, since FROM item WHERE kind = ? AND key ${afterKey === null ? '>=' : '>'} ?
     ORDER BY key LIMIT 1`,
    kind,
    afterKey ?? '',
  );
}
