/**
 * Folds the line `RESEND %(UNIQUEID id RESEND n)`, which says whether the master must send a
 * mailbox again (compare.ts).
 *
 * Folding a MAILBOX line derives this state from the previous lines. A compaction drops lines, so
 * the kept lines may lead to another state. Therefore a compaction writes the state that the whole
 * log led to at the end of the new file.
 */
import type { FoldContext } from './fold.ts';
import type { FoldLine, Resend } from '../types.ts';
import { getNumber, getString, toKeyValues } from '../../protocol/dlist.ts';

export const RESEND_LINE = 'RESEND';

/** The number of each state in the index and in the log. */
export const resendNumber: Record<Resend, number> = { none: 0, wanted: 1, futile: 2 };

export function resendOf(number: number): Resend {
  return number === 0 ? 'none' : number === 1 ? 'wanted' : 'futile';
}

export function foldResend({ index }: FoldContext, line: FoldLine): void {
  const kv = toKeyValues(line.value, line.name);
  const [state, uniqueid] = [resendOf(getNumber(kv, 'RESEND')), getString(kv, 'UNIQUEID')];
  index.run('UPDATE mailbox SET resend = ? WHERE uniqueid = ?', resendNumber[state], uniqueid);
}
