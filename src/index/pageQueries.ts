/**
 * Queries that answer a row or a page at a time, by the key of the last one: for a caller that writes to the index, or waits for
 * a peer, between two.
 */
import type { IndexFile } from './indexFile.ts';
import { liveColumns, recordColumns } from './queries.ts';
import type { RecordWithGuid } from './queries.ts';
import type { Item, ItemKind, LiveMailbox } from './types.ts';

/** The living mailbox that is next by name; null: the first one. */
export function nextLivingMailbox(index: IndexFile, afterName: string | null): LiveMailbox | undefined {
  return index.get<LiveMailbox>(
    `SELECT ${liveColumns} FROM mailbox WHERE name ${afterName === null ? '>=' : '>'} ? AND deleted IS NULL
     ORDER BY name LIMIT 1`,
    afterName ?? '',
  );
}

/** All records after a UID, expunged ones too. */
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

/** UIDs of living records after a UID. */
export function livingUidsAfter(
  index: IndexFile,
  mailboxId: number,
  afterUid: number,
  limit: number,
): number[] {
  const sql = `SELECT uid FROM record WHERE mailbox_id = ? AND uid > ? AND expunged IS NULL ORDER BY uid LIMIT ${limit}`;
  return index.allValues<[number]>(sql, mailboxId, afterUid).map(([uid]) => uid);
}

/** The item of a kind that is next by key; null: the first one. */
export function nextItem(index: IndexFile, kind: ItemKind, afterKey: string | null): Item | undefined {
  return index.get<Item>(
    `SELECT kind, key, value, since FROM item WHERE kind = ? AND key ${afterKey === null ? '>=' : '>'} ?
     ORDER BY key LIMIT 1`,
    kind,
    afterKey ?? '',
  );
}
