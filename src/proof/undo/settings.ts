/** Finds rights that were changed between two times, and scripts and subscriptions that went. */
import { itemsAt } from '../../index/queries/items.ts';
import { parseState } from '../../index/fold/state.ts';
import type { Item, ItemKind, Mailbox } from '../../index/types.ts';
import { optionalString } from '../../protocol/dlist.ts';
import type { RestoreSource } from '../../restore/source.ts';
import type { SpannedMailbox, Span } from './times.ts';

export interface ChangedAcl {
  readonly mailbox: Mailbox;
  readonly before: string;
  /** The server's ACL is changed only if it still is this one. */
  readonly after: string;
}

function aclOf(mailbox: Mailbox): string {
  return optionalString(parseState(mailbox.state), 'ACL') ?? '';
}

export function changedAcls(mailboxes: readonly SpannedMailbox[]): ChangedAcl[] {
  return mailboxes.flatMap(({ before, after, since }) => {
    if (after === undefined) return [];
    const [old, now] = [aclOf(before), aclOf(after)];
    if (old === now || old === '' || since.some((version) => aclOf(version) !== now)) return [];
    return [{ mailbox: since.at(-1) ?? after, before: old, after: now }];
  });
}

/** The kinds of items that go when an account is wiped. Their order is that of restoring them. */
export const ITEM_KINDS = ['sieve', 'active', 'sub'] as const satisfies readonly ItemKind[];

/** Returns items that were there at the first time, and neither at the second nor since. */
export function goneItems({ reader }: RestoreSource, kind: ItemKind, span: Span): Item[] {
  const known = (time: number | null): Set<string> =>
    new Set(itemsAt(reader.index, kind, time).map(({ key }) => key));
  const [after, now] = [known(span.to), known(null)];
  return itemsAt(reader.index, kind, span.from).filter(({ key }) => !after.has(key) && !now.has(key));
}
