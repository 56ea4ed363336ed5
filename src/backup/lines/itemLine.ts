/** What a user has besides mailboxes, as lines of the log: the fold of them (src/index/fold/item.ts) the other way round. */
import type { FoldLine, Item, ItemKind } from '../../index/types.ts';
import { parseDlist } from '../../protocol/parseText.ts';

/** The line's name that sets an item of a kind, and the one that ends it, where that takes no more than its keys. */
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
