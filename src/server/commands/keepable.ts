/**
 * How large what is kept as one piece may be. A mailbox's state, a record, a script are each printed, written to the index
 * and printed back in one step, while all other sessions wait; so their size is the length of a turn.
 */
import { BackupError } from '../../errors.ts';
import { FileLiteral, Flag, KeyValues } from '../../protocol/dlist.ts';
import type { Dlist } from '../../protocol/dlist.ts';

/** A mailbox without its records, or one record: Cyrus' own are a few hundred bytes, with long ACLs and annotations some KB. */
export const MOST_STATE_BYTES = 1 << 20;
/** In lists, in one piece. */
const MOST_VALUES = 32_768;

/** Throws 'limit'. Does not go on counting where it is over. */
export function requireKeepable(value: Dlist, mostBytes: number, what: string): void {
  const left = { bytes: mostBytes, values: MOST_VALUES };
  subtract(value, left);
  if (left.bytes >= 0 && left.values >= 0) return;
  const most = left.bytes < 0 ? `${mostBytes} bytes` : `${MOST_VALUES} values`;
  throw new BackupError('limit', `${what}: more than ${most} to be kept in one piece`);
}

function subtract(value: Dlist, left: { bytes: number; values: number }): void {
  left.values -= 1;
  if (left.bytes < 0 || left.values < 0) return;
  if (typeof value === 'string') left.bytes -= value.length;
  else if (value instanceof Flag) left.bytes -= value.name.length;
  else if (value instanceof KeyValues) for (const each of value.flat) subtract(each, left);
  else if (Array.isArray(value)) for (const each of value) subtract(each, left);
  else if (value instanceof FileLiteral)
    throw new BackupError('bad-parameters', 'a file in the place of a value');
}
