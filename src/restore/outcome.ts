/**
 * What became of each mailbox and of everything else: the same figures for a plan (-n) and for what was done, so that a plan
 * can be held against its report.
 */
export interface MailboxOutcome {
  /** Internal name in the backup. */
  readonly source: string;
  /** Where it goes: an internal name on a Cyrus server, else as the destination writes it. */
  readonly target: string;
  /** The mailbox was not there. */
  isNew: boolean;
  /** Messages. */
  added: number;
  /** Messages that were there already. */
  skipped: number;
  /** Messages whose flags, date or annotations were set as in the backup; and 1 for the mailbox's own settings. */
  changed: number;
  /** Of the messages added. */
  bytes: number;
  /** Each a line for a person. */
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
 * Takes a later try at the same mailbox into the outcome of an earlier one: what the earlier one added is what the later one
 * found there, and what either could not carry stays told.
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

/** A message that could not be restored, as a failure of its mailbox. */
export function messageFailure(record: { readonly uid: number; readonly guid: string }, why: string): string {
  return `UID ${record.uid} (${record.guid}): ${why}`;
}

export type ItemAction = 'set' | 'kept' | 'same' | 'failed' | 'left out';

/** A script, a subscription, a quota, a seen state. */
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
  /** What concerns no mailbox: a backup that cannot be opened, a name that is not in it. */
  readonly failures: string[];
  /** What was left out by design: mailboxes without mail, settings that the destination has no form for. */
  readonly notes: string[];
}

export function newUser(userid: string): UserOutcome {
  return { userid, mailboxes: [], items: [], failures: [], notes: [] };
}

export function countFailures(user: UserOutcome): number {
  const inMailboxes = user.mailboxes.reduce((sum, { failures }) => sum + failures.length, 0);
  return user.failures.length + inMailboxes + user.items.filter(({ action }) => action === 'failed').length;
}
