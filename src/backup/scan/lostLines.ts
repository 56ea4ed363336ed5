/**
 * Restores the content of the lost lines of a damaged log. The content is taken from an index that
 * was built while the lines were whole. Folding the restored lines into an index of the remaining
 * log gives the original final state. The states in between stay lost.
 */
import type { IndexFile } from '../../index/store/indexFile.ts';
import { allMailboxes, mailboxByUniqueid } from '../../index/queries/mailboxes.ts';
import { allItems } from '../../index/queries/items.ts';
import { recordsOf } from '../../index/queries/records.ts';
import type { RecordWithGuid } from '../../index/queries/records.ts';
import { lastTimestamp } from '../../index/queries/timestamps.ts';
import { parseState } from '../../index/fold/state.ts';
import type { FoldLine, LiveMailbox } from '../../index/types.ts';
import { KeyValues } from '../../protocol/dlist.ts';
import { parseDlist } from '../../protocol/parseText.ts';
import { itemLine, itemNames } from '../lines/itemLine.ts';
import { recordItem } from '../lines/recordItem.ts';

/** The number of records in one line, as in a master's batches. */
const RECORDS_A_LINE = 8192;

const unsetKeys = new Set(['USERID', 'MBOXNAME', 'FILENAME', 'ROOT']);

/**
 * Yields the restored lines. `before`: the trusted index. `now`: an index of the remaining log; the
 * caller may fold each line into it as soon as it is yielded.
 */
export function* lostLines(before: IndexFile, now: IndexFile): Generator<FoldLine> {
  const time = lastTimestamp(before) ?? 0;
  for (const { uniqueid, name, deleted } of Array.from(allMailboxes(now))) {
    // The trusted index does not know this mailbox, so it was created by a line with damaged bytes.
    if (deleted === null && mailboxByUniqueid(before, uniqueid) === undefined) {
      yield { time, name: 'UNMAILBOX', value: name };
    }
  }
  const mailboxes = Array.from(allMailboxes(before));
  // Folding a mailbox takes its name away from any other mailbox with that name, so deleted
  // mailboxes are written first.
  for (const mailbox of mailboxes.filter(({ deleted }) => deleted !== null)) {
    yield* mailboxLines(before, now, mailbox, time);
  }
  for (const mailbox of mailboxes.filter(({ deleted }) => deleted === null)) {
    yield* mailboxLines(before, now, mailbox, time);
  }
  yield* lostItems(before, now, time);
}

function* mailboxLines(
  before: IndexFile,
  now: IndexFile,
  mailbox: LiveMailbox,
  time: number,
): Generator<FoldLine> {
  const left = mailboxByUniqueid(now, mailbox.uniqueid);
  const { lost, extra } = recordChanges(before, now, mailbox.id, left?.id ?? null);
  const isSame =
    left?.state === mailbox.state &&
    left.name === mailbox.name &&
    left.deleted === null &&
    mailbox.deleted === null;
  const isGone = mailbox.deleted !== null && left !== undefined && left.deleted !== null;
  if ((isSame || isGone) && lost.length + extra.length === 0) return;
  const state = parseState(mailbox.state).entries.filter(([key]) => key !== 'MBOXNAME');
  state.splice(1, 0, ['MBOXNAME', mailbox.name]);
  for (let at = 0; at === 0 || at < lost.length; at += RECORDS_A_LINE) {
    const items = lost.slice(at, at + RECORDS_A_LINE).map(recordItem);
    yield { time, name: 'MAILBOX', value: new KeyValues([...state, ['RECORD', items]]) };
  }
  if (extra.length > 0) {
    const entries: KeyValues['entries'] = [
      ['MBOXNAME', mailbox.name],
      ['UNIQUEID', mailbox.uniqueid],
      ['UID', extra.map(String)],
    ];
    yield { time, name: 'EXPUNGE', value: new KeyValues(entries) };
  }
  if (mailbox.deleted !== null) yield { time, name: 'UNMAILBOX', value: mailbox.name };
}

/**
 * Returns the differing records as they were before, and the UIDs of living records that did not
 * exist before.
 */
function recordChanges(
  before: IndexFile,
  now: IndexFile,
  id: number,
  leftId: number | null,
): { lost: RecordWithGuid[]; extra: number[] } {
  const left = new Map<number, string>();
  const living = new Set<number>();
  for (const record of leftId === null ? [] : recordsOf(now, leftId)) {
    left.set(record.uid, textOf(record));
    if (record.expunged === null) living.add(record.uid);
  }
  const lost: RecordWithGuid[] = [];
  for (const record of recordsOf(before, id)) {
    living.delete(record.uid);
    if (left.get(record.uid) !== textOf(record)) lost.push(record);
  }
  return { lost, extra: [...living] };
}

/**
 * Returns all fields of a record as text, except the time from which the record's state applies.
 */
function textOf(record: RecordWithGuid): string {
  const { modseq, lastUpdated, internaldate, size, guid, flags, annotations, extra } = record;
  const isExpunged = record.expunged !== null;
  return JSON.stringify([
    modseq,
    lastUpdated,
    internaldate,
    size,
    guid,
    flags,
    annotations,
    extra,
    isExpunged,
  ]);
}

function* lostItems(before: IndexFile, now: IndexFile, time: number): Generator<FoldLine> {
  const left = new Map(allItems(now).map((item) => [`${item.kind} ${item.key}`, item]));
  for (const item of allItems(before)) {
    const name = `${item.kind} ${item.key}`;
    const isSame = left.get(name)?.value === item.value;
    left.delete(name);
    if (!isSame) yield itemLine(item, time);
  }
  for (const { kind, value } of left.values()) {
    const { unset } = itemNames[kind];
    const kv = parseDlist(value);
    if (unset === null || !(kv instanceof KeyValues)) continue;
    yield { time, name: unset, value: new KeyValues(kv.entries.filter(([key]) => unsetKeys.has(key))) };
  }
}
