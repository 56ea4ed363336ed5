/**
 * Writes a user's items other than mailboxes (subscriptions, Sieve scripts and so on) as lines of
 * the log. This is the reverse of the fold in src/index/fold/item.ts.
 */
import type { FoldLine, Item, ItemKind } from '../../index/types.ts';
import { parseDlist } from '../../protocol/parseText.ts';

/**
 * For each kind of item, the name of the line that sets it and the name of the line that removes
 * it. The latter is null if no line can remove the item by its keys alone.
 */
export const itemNames: Record<ItemKind, { readonly set: string; readonly unset: string | null }> = {
  seen: { set: 'SEEN', unset: null },
  sub: { set: 'SUB', unset: 'UNSUB' },
  sieve: { set: 'SIEVE', unset: 'UNSIEVE' },
  active: { set: 'ACTIVATE_SIEVE', unset: null },
  quota: { set: 'QUOTA', unset: 'UNQUOTA' },
  annotation: { set: 'ANNOTATION', unset: null },
};

export function itemLine({ kind, value }: Item, time: number): FoldLine {
  return { time, name: itemNames[kind].set, value: parseDlist(value) };
}
