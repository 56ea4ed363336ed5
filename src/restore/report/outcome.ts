/**
 * The results of a restore, for each mailbox and for everything else. A plan (-n) and a report have
 * the same counts, so that they can be compared.
 */
import type { ErrorKind } from '../../errors.ts';

export interface MailboxOutcome {
  /** The internal name in the backup. */
  readonly source: string;
  /**
   * The target: an internal name on a Cyrus server, otherwise the name as the destination writes
   * it.
   */
  readonly target: string;
  /** True if the mailbox did not exist before. */
  isNew: boolean;
  /** The number of messages added. */
  added: number;
  /** The number of messages that were already there. */
  skipped: number;
  /**
   * The number of messages whose flags or date were set as in the backup; plus 1 for the mailbox's
   * own settings.
   */
  changed: number;
  /** The total size of the messages added. */
  bytes: number;
  /** Each one is a line for people to read. */
  readonly failures: string[];
  readonly notes: string[];
}

export function newOutcome(source: string, target: string): MailboxOutcome {
  return {
    source,
    target,
    isNew: false,
    added: 0,
    skipped: 0,
    changed: 0,
    bytes: 0,
    failures: [],
    notes: [],
  };
}

/**
 * Merges a later try at the same mailbox into the outcome of an earlier one. The later try finds
 * what the earlier one added, and counts it as skipped; this function corrects the counts. Failures
 * and notes of both are kept.
 */
export function addTry(outcome: MailboxOutcome, next: MailboxOutcome): void {
  const union = (into: string[], more: readonly string[]): void => {
    into.push(...more.filter((text) => !into.includes(text)));
  };
  outcome.isNew ||= next.isNew;
  outcome.skipped = Math.max(0, next.skipped - outcome.added);
  outcome.added += next.added;
  outcome.changed += next.changed;
  outcome.bytes += next.bytes;
  union(outcome.failures, next.failures);
  union(outcome.notes, next.notes);
}

/** Describes a message that could not be restored, as a failure of its mailbox. */
export function messageFailure(record: { readonly uid: number; readonly guid: string }, why: string): string {
  return `UID ${record.uid} (${record.guid}): ${why}`;
}

export type ItemAction = 'set' | 'kept' | 'same' | 'failed' | 'left out';

/** The outcome for a script, a subscription, a quota or a seen state. */
export interface ItemOutcome {
  readonly kind: string;
  readonly name: string;
  readonly action: ItemAction;
  readonly reason?: string;
}

export interface UserOutcome {
  readonly userid: string;
  readonly mailboxes: MailboxOutcome[];
  readonly items: ItemOutcome[];
  /** Failures that concern no mailbox: a backup that cannot be opened, a name that is not in it. */
  readonly failures: string[];
  /** The kinds of these failures; for failures of mailboxes and items there is none. */
  readonly kinds: ErrorKind[];
  /**
   * What was left out on purpose: mailboxes without mail, settings that the destination cannot
   * hold.
   */
  readonly notes: string[];
}

export function newUser(userid: string): UserOutcome {
  return { userid, mailboxes: [], items: [], failures: [], kinds: [], notes: [] };
}

/** Records a failure that concerns no mailbox. */
export function failUser(user: UserOutcome, kind: ErrorKind, text: string): void {
  user.failures.push(text);
  user.kinds.push(kind);
}

export function countFailures(user: UserOutcome): number {
  const inMailboxes = user.mailboxes.reduce((sum, { failures }) => sum + failures.length, 0);
  return user.failures.length + inMailboxes + user.items.filter(({ action }) => action === 'failed').length;
}
