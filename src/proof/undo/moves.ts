/** Finds messages that were moved between two times, and mailboxes that were renamed. */
import { mailboxById } from '../../index/queries/mailboxes.ts';
import { expungedBetween, livesAt } from '../../index/queries/recordHistory.ts';
import { recordAt } from '../../index/queries/records.ts';
import { messageVersions } from '../../index/queries/past/history.ts';
import { isInbox } from '../../mailbox/names.ts';
import type { Mailbox } from '../../index/types.ts';
import type { RestoreSource, SourceRecord } from '../../restore/source.ts';
import { isLiving } from './times.ts';
import type { SpannedMailbox, Span } from './times.ts';

/** A message that left a mailbox for another one. */
export interface MovedMessage {
  /** The record as it was before the move. */
  readonly record: SourceRecord;
  /** Where it is now. */
  readonly to: { readonly mailbox: Mailbox; readonly uid: number };
}

export function movedMessages(
  source: RestoreSource,
  { before, after }: SpannedMailbox,
  span: Span,
): MovedMessage[] {
  if (after === undefined) return [];
  const { index } = source.reader;
  const moved: MovedMessage[] = [];
  for (const record of expungedBetween(index, before.id, span.from, span.to)) {
    const then = recordAt(index, { mailboxId: before.id, time: span.from, uid: record.uid, shown: 'living' });
    if (then === undefined || !livesAt(index, record.messageId, span.to, `${span.deletedPrefix}.*`)) continue;
    const to = movedTo(source, record, span);
    if (to !== undefined) moved.push({ record: then, to });
  }
  return moved;
}

/** Returns the copy that came in the meantime and still lives, if none came back since. */
function movedTo(source: RestoreSource, record: SourceRecord, span: Span): MovedMessage['to'] | undefined {
  const { index } = source.reader;
  const first = new Map<string, { id: number; uid: number; since: number; isGone: boolean }>();
  for (const { mailboxId: id, uid, since, expunged } of messageVersions(index, record.messageId)) {
    const key = `${id} ${uid}`;
    const known = first.get(key);
    if (known === undefined) first.set(key, { id, uid, since, isGone: expunged !== null });
    else known.isGone = expunged !== null;
  }
  const copies = [...first.values()];
  if (copies.some(({ id, since }) => id === record.mailboxId && since > span.to)) return undefined;
  for (const { id, uid, since, isGone } of copies) {
    if (id === record.mailboxId || isGone || since <= span.from || since > span.to) continue;
    const mailbox = mailboxById(index, id);
    if (mailbox !== undefined && isLiving(mailbox, span)) return { mailbox, uid };
  }
  return undefined;
}

export interface RenamedMailbox {
  readonly mailbox: Mailbox;
  readonly from: string;
  readonly to: string;
}

/** Finds mailboxes that were renamed, and were not renamed again since. */
export function renamedMailboxes(mailboxes: readonly SpannedMailbox[]): RenamedMailbox[] {
  return mailboxes.flatMap(({ before, after, since }) => {
    if (after === undefined || before.name === after.name || isInbox(before.name)) return [];
    if (since.some(({ name }) => name !== after.name)) return [];
    return [{ mailbox: since.at(-1) ?? after, from: before.name, to: after.name }];
  });
}
