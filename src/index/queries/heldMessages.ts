/** Queries for the messages whose bytes a backup holds, for the search index. */
import type { IndexFile } from '../store/indexFile.ts';

export interface HeldMessage {
  readonly id: number;
  readonly guid: string;
  readonly size: number;
}

/** Returns a page of the held messages after an id, by id. */
export function heldMessages(index: IndexFile, afterId: number, limit: number): HeldMessage[] {
  return index.all<HeldMessage>(
    `SELECT id, guid, size FROM message WHERE id > ? AND chunk_id IS NOT NULL ORDER BY id LIMIT ${limit}`,
    afterId,
  );
}

/** Returns how many messages are held, and the highest id among them; 0 if there is none. */
export function heldTotals(index: IndexFile): { readonly count: number; readonly lastId: number } {
  const row = index.get<{ count: number; lastId: number | null }>(
    'SELECT count(*) AS count, max(id) AS lastId FROM message WHERE chunk_id IS NOT NULL',
  );
  return { count: row?.count ?? 0, lastId: row?.lastId ?? 0 };
}
