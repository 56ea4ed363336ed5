/**
 * Whether a mailbox is to be sent again (foldCompare.ts), as a line of its own: `RESEND %(UNIQUEID id RESEND n)`.
 *
 * Each MAILBOX line carries the state on from the line before. A compaction drops lines, so the lines that it keeps may come to
 * another state; it ends its file with what the whole log came to.
 */
import type { FoldContext } from './fold.ts';
import type { FoldLine } from './types.ts';
import { getNumber, getString, toKeyValues } from '../protocol/dlist.ts';

export const RESEND_LINE = 'RESEND';

export function foldResend({ index }: FoldContext, line: FoldLine): void {
  const kv = toKeyValues(line.value, line.name);
  const [state, uniqueid] = [getNumber(kv, 'RESEND'), getString(kv, 'UNIQUEID')];
  index.run('UPDATE mailbox SET resend = ? WHERE uniqueid = ?', state, uniqueid);
}
