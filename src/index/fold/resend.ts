/**
 * Folds whether a mailbox must be sent again (compare.ts) from a line of its own: `RESEND
 * %(UNIQUEID id RESEND n)`.
 *
 * Each MAILBOX line derives this state from the line before. A compaction drops lines, so the lines
 * that it keeps may lead to another state. Therefore it ends its file with the state that the whole
 * log led to.
 */
import type { FoldContext } from './fold.ts';
import type { FoldLine } from '../types.ts';
import { getNumber, getString, toKeyValues } from '../../protocol/dlist.ts';

export const RESEND_LINE = 'RESEND';

export function foldResend({ index }: FoldContext, line: FoldLine): void {
  const kv = toKeyValues(line.value, line.name);
  const [state, uniqueid] = [getNumber(kv, 'RESEND'), getString(kv, 'UNIQUEID')];
  index.run('UPDATE mailbox SET resend = ? WHERE uniqueid = ?', state, uniqueid);
}
