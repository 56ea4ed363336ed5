/** Queries for items (subscriptions, scripts, quotas), now or at a timestamp in unix seconds. */
import type { IndexFile } from '../store/indexFile.ts';
import type { Item, ItemKind } from '../types.ts';

const columns = 'kind, key, value, since';

export function item(index: IndexFile, kind: ItemKind, key: string): Item | undefined {
  return index.get<Item>(`SELECT ${columns} FROM item WHERE kind = ? AND key = ?`, kind, key);
}

/** Returns the next item of a kind by key; null for `afterKey` returns the first. */
export function nextItem(index: IndexFile, kind: ItemKind, afterKey: string | null): Item | undefined {
  return index.get<Item>(
    `SELECT ${columns} FROM item WHERE kind = ? AND key ${afterKey === null ? '>=' : '>'} ? ORDER BY key LIMIT 1`,
    kind,
    afterKey ?? '',
  );
}

/** Returns the items of a kind by key, now (null) or at a timestamp. */
export function itemsAt(index: IndexFile, kind: ItemKind, time: number | null): Item[] {
  if (time === null) {
    return index.all<Item>(`SELECT ${columns} FROM item WHERE kind = ? ORDER BY key`, kind);
  }
  return index.all<Item>(
    `SELECT ${columns} FROM item WHERE kind = :kind AND since <= :time
     UNION ALL
     SELECT ${columns} FROM item_history WHERE kind = :kind AND since <= :time AND until > :time ORDER BY key`,
    { kind, time },
  );
}

/** Returns all items, by kind and key. */
export function allItems(index: IndexFile): Item[] {
  return index.all<Item>(`SELECT ${columns} FROM item ORDER BY kind, key`);
}

/** Iterates over the items as they were at a timestamp, by the start of their validity. */
export function itemEvents(index: IndexFile, time: number): IterableIterator<Item> {
  return index.each<Item>(
    `SELECT ${columns} FROM item WHERE since <= :time
     UNION ALL SELECT ${columns} FROM item_history WHERE since <= :time AND until > :time ORDER BY since`,
    { time },
  );
}
