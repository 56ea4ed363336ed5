/** Determines which mailboxes a view of a user's mail shows, and in which folders. */
import type { IndexFile } from '../../../src/index/store/indexFile.ts';
import {
  deletedMailboxes,
  mailboxesWithExpunged,
  removedNames,
  shownMailboxes,
} from '../../../src/index/queries/mailboxes.ts';
import type { ViewMailbox } from '../../../src/index/queries/mailboxes.ts';
import { internalName, parseName } from '../../../src/mailbox/names.ts';
import type { MailboxName } from '../../../src/mailbox/names.ts';
import { toPathSegments } from '../../../src/mailbox/path.ts';
import type { DepartedMailbox, ShownMailbox } from './structure.ts';

/**
 * Yields the mailboxes with living mail. Mailboxes in the deleted namespace are left out, because
 * they no longer exist for the user.
 */
export function* livingMail(
  mailboxes: Iterable<ViewMailbox>,
  deletedPrefix: string,
): Generator<ShownMailbox> {
  for (const mailbox of mailboxes) {
    if (isDeleted(mailbox.name, deletedPrefix)) continue;
    yield { mailbox, path: toPathSegments(mailbox.name, deletedPrefix), shown: 'living' };
  }
}

/** Yields the former paths of mailboxes that Cyrus has renamed or removed. */
export function* departedMail(
  index: IndexFile,
  mailboxes: Iterable<ViewMailbox>,
  deletedPrefix: string,
): Generator<DepartedMailbox> {
  for (const { name, changed } of mailboxes) {
    if (!isDeleted(name, deletedPrefix)) continue;
    const parsed = parseName(name, deletedPrefix);
    const until = Math.min(parsed.deletedAt ?? changed, changed);
    yield { path: livingPath(parsed, deletedPrefix), until };
  }
  for (const { name, deleted } of removedNames(index)) {
    const parsed = parseName(name, deletedPrefix);
    yield { path: livingPath(parsed, deletedPrefix), until: Math.min(parsed.deletedAt ?? deleted, deleted) };
  }
}

function livingPath(parsed: MailboxName, deletedPrefix: string): string[] {
  return toPathSegments(internalName({ ...parsed, deletedAt: undefined }, deletedPrefix), deletedPrefix);
}

/**
 * Yields the mail that the user deleted and that the backup still holds. Expunged messages appear
 * in their old folders. Deleted mailboxes appear with `%deleted-HEX` after their names.
 */
export function* deletedMail(
  index: IndexFile,
  time: number | null,
  deletedPrefix: string,
): Generator<ShownMailbox> {
  const withExpunged = mailboxesWithExpunged(index, time);
  const gone: { readonly mailbox: ViewMailbox; readonly name: string }[] = [];
  for (const mailbox of shownMailboxes(index, time)) {
    if (isDeleted(mailbox.name, deletedPrefix)) gone.push({ mailbox, name: mailbox.name });
    else if (withExpunged.has(mailbox.id)) {
      yield { mailbox, path: toPathSegments(mailbox.name, deletedPrefix), shown: 'expunged' };
    }
  }
  for (const mailbox of deletedMailboxes(index, time)) {
    const parsed = parseName(mailbox.name, deletedPrefix);
    const deletedAt = parsed.deletedAt ?? mailbox.deleted ?? 0;
    gone.push({ mailbox, name: internalName({ ...parsed, deletedAt }, deletedPrefix) });
  }
  yield* apart(gone, deletedPrefix);
}

/**
 * Makes names unique if several mailboxes of the same name were deleted in the same second. Each
 * later mailbox gets the next unused second in its name.
 */
function* apart(
  gone: readonly { readonly mailbox: ViewMailbox; readonly name: string }[],
  deletedPrefix: string,
): Generator<ShownMailbox> {
  const taken = new Set<string>();
  const byUniqueid = gone.toSorted((a, b) => (a.mailbox.uniqueid < b.mailbox.uniqueid ? -1 : 1));
  for (const { mailbox, name } of byUniqueid) {
    let free = name;
    while (taken.has(free)) {
      const parsed = parseName(free, deletedPrefix);
      free = internalName({ ...parsed, deletedAt: (parsed.deletedAt ?? 0) + 1 }, deletedPrefix);
    }
    taken.add(free);
    yield { mailbox, path: toPathSegments(free, deletedPrefix), shown: 'held' };
  }
}

/**
 * Reports whether a mailbox is in the deleted namespace. The prefix may follow a domain:
 * DELETED.user.anne.Old.5F..., example.com!DELETED.user.anne.Old.5F...
 */
function isDeleted(name: string, deletedPrefix: string): boolean {
  return name.startsWith(`${deletedPrefix}.`, name.indexOf('!') + 1);
}
