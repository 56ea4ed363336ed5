/**
 * The two times of an undo, and what a backup knows of a mailbox at each of them. What happened
 * after the first time and up to the second is to be taken back.
 */
import { mailboxVersions } from '../../index/queries/past/history.ts';
import { mailboxesAt } from '../../index/queries/mailboxes.ts';
import type { IndexFile } from '../../index/store/indexFile.ts';
import type { Mailbox } from '../../index/types.ts';
import { deletedAtOf } from '../../mailbox/names.ts';

export interface Span {
  /** Unix seconds. */
  readonly from: number;
  readonly to: number;
  readonly deletedPrefix: string;
}

/** A mailbox that lived at the first time. */
export interface SpannedMailbox {
  readonly before: Mailbox;
  /** Its state at the second time; undefined if it was deleted by then. */
  readonly after: Mailbox | undefined;
  /** Its versions since the second time. */
  readonly since: readonly Mailbox[];
}

export function spannedMailboxes(index: IndexFile, span: Span): SpannedMailbox[] {
  const after = new Map(mailboxesAt(index, span.to).map((mailbox) => [mailbox.id, mailbox]));
  return mailboxesAt(index, span.from)
    .filter((mailbox) => isLiving(mailbox, span))
    .map((before) => {
      const then = after.get(before.id);
      const since = mailboxVersions(index, before.id).filter((version) => version.since > span.to);
      return { before, after: then !== undefined && isLiving(then, span) ? then : undefined, since };
    });
}

/** A mailbox under the deleted prefix only waits for its removal. */
export function isLiving({ name, deleted }: Mailbox, { deletedPrefix }: Span): boolean {
  return deleted === null && deletedAtOf(name, deletedPrefix) === undefined;
}
