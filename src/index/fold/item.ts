/**
 * Folds everything that a user has besides mailboxes: seen state, subscriptions, sieve scripts,
 * quota.
 */
import type { FoldContext, Steps } from './fold.ts';
import type { FoldLine, ItemKind } from '../types.ts';
import { item } from '../queries/items.ts';
import { KeyValues, getString, toKeyValues } from '../../protocol/dlist.ts';
import type { Dlist } from '../../protocol/dlist.ts';
import { parseDlist } from '../../protocol/parseText.ts';
import { printDlist } from '../../protocol/print.ts';
import { BackupError } from '../../errors.ts';

interface ItemFold {
  readonly kind: ItemKind;
  readonly gone: boolean;
  key(value: KeyValues): string;
}

const ITEMS_A_STEP = 64;

/**
 * A user has only one active sieve script. So its item has an empty key, and the script's file name
 * is the value.
 */
const onlyOne = (): string => '';
const activeScript = (kv: KeyValues): string => {
  getString(kv, 'FILENAME');
  return onlyOne();
};
/** Requires the text of a sieve script, because a script without it could not be restored. */
const scriptWithContent = (kv: KeyValues): string => {
  getString(kv, 'CONTENT');
  return getString(kv, 'FILENAME');
};

const set = (kind: ItemKind, key: ItemFold['key'] | string): ItemFold => ({
  kind,
  gone: false,
  key: keyOf(key),
});
const unset = (kind: ItemKind, key: ItemFold['key'] | string): ItemFold => ({
  kind,
  gone: true,
  key: keyOf(key),
});
const keyOf = (key: ItemFold['key'] | string): ItemFold['key'] =>
  typeof key === 'string' ? (kv) => getString(kv, key) : key;

export const itemFolds: ReadonlyMap<string, ItemFold> = new Map([
  ['SEEN', set('seen', 'UNIQUEID')],
  ['SUB', set('sub', 'MBOXNAME')],
  ['UNSUB', unset('sub', 'MBOXNAME')],
  ['SIEVE', set('sieve', scriptWithContent)],
  ['UNSIEVE', unset('sieve', 'FILENAME')],
  ['ACTIVATE_SIEVE', set('active', activeScript)],
  ['UNACTIVATE_SIEVE', unset('active', onlyOne)],
  ['QUOTA', set('quota', 'ROOT')],
  ['UNQUOTA', unset('quota', 'ROOT')],
]);

/** Ends all items of a user whose account is gone. */
export function* endItems(context: FoldContext): Steps {
  const sql = `SELECT kind, key FROM item LIMIT ${ITEMS_A_STEP}`;
  for (;;) {
    const some = context.index.all<{ kind: ItemKind; key: string }>(sql);
    if (some.length === 0) return;
    for (const { kind, key } of some) yield* putItem(context, kind, key, null);
    yield;
  }
}

/**
 * Folds the line; returns whether it changed anything. An item of some megabytes takes a step for
 * each statement.
 */
export function* foldItem(context: FoldContext, line: FoldLine): Generator<void, boolean, void> {
  const rule = itemFolds.get(line.name) as ItemFold;
  const key = itemKey(rule, line);
  const value = rule.gone ? null : printDlist(line.value, 'log');
  yield;
  const isChanged = yield* putItem(context, rule.kind, key, value);
  return (line.name === 'UNSIEVE' && (yield* endActive(context, key))) || isChanged;
}

/** Ends the active-script item if it names the removed script. */
function* endActive(context: FoldContext, fileName: string): Generator<void, boolean, void> {
  const active = item(context.index, 'active', '');
  if (active === undefined) return false;
  const kv = toKeyValues(parseDlist(active.value), 'ACTIVATE_SIEVE');
  return getString(kv, 'FILENAME') === fileName && (yield* putItem(context, 'active', '', null));
}

function itemKey(rule: ItemFold, line: FoldLine): string {
  if (line.value instanceof KeyValues) return rule.key(line.value);
  // UNQUOTA carries a bare quota root instead of keys and values.
  const bare: Dlist = line.value;
  if (typeof bare === 'string' && rule.gone) return bare;
  throw new BackupError('bad-parameters', `${line.name}: not a list of keys`);
}

/**
 * Sets an item, or ends it if the value is null. The old value goes to the history. Returns whether
 * the item changed. The database compares and copies values, because one may have megabytes.
 */
export function* putItem(
  { index, now }: FoldContext,
  kind: ItemKind,
  key: string,
  value: string | null,
): Generator<void, boolean, void> {
  const old = index.get<{ isSame: number | null; since: number }>(
    'SELECT value = ? AS isSame, since FROM item WHERE kind = ? AND key = ?',
    value,
    kind,
    key,
  );
  if (old === undefined ? value === null : old.isSame === 1) return false;
  yield;
  if (old !== undefined && old.since < now) {
    index.run(
      `INSERT INTO item_history (kind, key, value, since, until)
       SELECT kind, key, value, since, ? FROM item WHERE kind = ? AND key = ?`,
      now,
      kind,
      key,
    );
    yield;
  }
  if (value === null) index.run('DELETE FROM item WHERE kind = ? AND key = ?', kind, key);
  else
    index.run(
      'INSERT OR REPLACE INTO item (kind, key, value, since) VALUES (?, ?, ?, ?)',
      kind,
      key,
      value,
      now,
    );
  return true;
}
