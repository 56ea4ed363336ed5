/**
 * Prints a MAILBOX for APPLY and RESTORE: a mailbox's state with some keys replaced, followed by
 * records.
 */
import type { Dlist, KeyValues } from '../../protocol/dlist.ts';
import { printItem } from '../../protocol/print.ts';
import { takenAnnotations } from './annotations.ts';
import { recordText } from './recordText.ts';
import type { RecordFields } from './recordText.ts';

/** Keys that belong to the transfer and not to the mailbox, or that are computed anew. */
const left = new Set([
  'RECORD',
  'SYNC_CRC',
  'SYNC_CRC_ANNOT',
  'SINCE_MODSEQ',
  'SINCE_CRC',
  'SINCE_CRC_ANNOT',
]);

/** `changes` replace keys of the state or are appended to it. An undefined value drops the key. */
export function mailboxText(
  verb: string,
  state: KeyValues,
  changes: ReadonlyMap<string, Dlist | undefined>,
  records: readonly RecordFields[],
): string {
  const kept = state.entries.filter(([key]) => !left.has(key) && !changes.has(key));
  const given = [...changes].flatMap(([key, value]) => (value === undefined ? [] : [keyText([key, value])]));
  const keys = [...kept.map(keyText), ...given];
  return `${verb} %(${keys.join(' ')} RECORD (${records.map(recordText).join(' ')}))`;
}

function keyText([key, value]: readonly [string, Dlist]): string {
  return printItem(key, key === 'ANNOTATIONS' ? takenAnnotations(value) : value, 'log');
}
