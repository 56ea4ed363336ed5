/**
 * Finds what was deleted between two times: whole mailboxes, and single messages. What somebody
 * brought back since, and perhaps deleted again, is left as it is.
 */
import { livesAt } from '../../index/queries/recordHistory.ts';
import { recordAt } from '../../index/queries/records.ts';
import { messageVersions } from '../../index/queries/past/history.ts';
import { parseState } from '../../index/fold/state.ts';
import { selectDeletedBetween } from '../../restore/select/deletedBetween.ts';
import type { SelectedMailbox } from '../../restore/select/selectedMailbox.ts';
import type { RestoreSource, SourceRecord } from '../../restore/source.ts';
import { isLiving } from './times.ts';
import type { SpannedMailbox, Span } from './times.ts';

/** A deleted mailbox, as it was at the first time. */
export interface DeletedMailbox {
  readonly selected: SelectedMailbox;
  /** True if it lived again since: then it is only completed, if an undo was interrupted. */
  readonly isBack: boolean;
}

export function deletedMailboxes(
  source: RestoreSource,
  mailboxes: readonly SpannedMailbox[],
  span: Span,
): DeletedMailbox[] {
  return mailboxes
    .filter(({ after }) => after === undefined)
    .map(({ before, since }) => {
      const all = (): Iterable<SourceRecord> => source.records(before, span.from);
      const selected = {
        mailbox: before,
        state: parseState(before.state),
        isWhole: true,
        *records() {
          for (const record of all()) if (record.expunged === null) yield record;
        },
        allRecords: all,
      };
      return { selected, isBack: since.some((version) => isLiving(version, span)) };
    });
}

/** `whole`: the IDs of mailboxes that are restored as a whole, with all that was in them then. */
export function deletedMessages(
  source: RestoreSource,
  span: Span,
  whole: ReadonlySet<number>,
): SelectedMailbox[] {
  const { index } = source.reader;
  const { from, to, deletedPrefix } = span;
  const isOver = (record: SourceRecord): boolean =>
    livesAt(index, record.messageId, Number.MAX_SAFE_INTEGER, `${deletedPrefix}.*`) ||
    cameSince(source, record, to);
  return selectDeletedBetween(source, from, to, deletedPrefix).flatMap((selected) => {
    const { mailbox } = selected;
    const records = [...selected.records()]
      .filter((record) => !isOver(record) && !(whole.has(mailbox.id) && livedThen(source, record, from)))
      .map((record) => asBefore(source, record, from));
    const all = (): Iterable<SourceRecord> => records;
    return records.length === 0 ? [] : [{ ...selected, isWhole: false, records: all, allRecords: all }];
  });
}

/** Reports whether a copy of the message came after a time: somebody brought it back. */
function cameSince(source: RestoreSource, record: SourceRecord, time: number): boolean {
  const first = new Map<string, number>();
  for (const { mailboxId: id, uid, since } of messageVersions(source.reader.index, record.messageId)) {
    const key = `${id} ${uid}`;
    if (!first.has(key)) first.set(key, since);
  }
  return [...first.values()].some((since) => since > time);
}

function livedThen({ reader }: RestoreSource, { mailboxId: id, uid }: SourceRecord, time: number): boolean {
  return recordAt(reader.index, { mailboxId: id, time, uid, shown: 'living' }) !== undefined;
}

/** Takes the flags of the first time: who deletes a message may have changed them before. */
function asBefore({ reader }: RestoreSource, record: SourceRecord, time: number): SourceRecord {
  const then = recordAt(reader.index, {
    mailboxId: record.mailboxId,
    time,
    uid: record.uid,
    shown: 'living',
  });
  return then === undefined ? record : { ...record, flags: then.flags, annotations: then.annotations };
}
