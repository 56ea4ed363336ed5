/**
 * Limits the size of each item that is stored as one piece: a mailbox's state, a record, a script.
 * Such an item is printed, written to the index and printed again in one step, while all other
 * sessions wait. Its size thus determines how long they wait.
 */
import { BackupError } from '../../errors.ts';
import { FileLiteral, Flag, KeyValues } from '../../protocol/dlist.ts';
import type { Dlist } from '../../protocol/dlist.ts';

/**
 * The size limit for a mailbox without its records, or for one record. In Cyrus these take a few
 * hundred bytes, or some KB with long ACLs and annotations.
 */
export const MOST_STATE_BYTES = 1 << 20;
/** The most values in one item, nested ones included. */
const MOST_VALUES = 32_768;

/** Throws 'limit' if the value is too large. Stops counting once the value is over the limit. */
export function requireKeepable(value: Dlist, mostBytes: number, what: string): void {
  const left = { bytes: mostBytes, values: MOST_VALUES };
  subtract(value, left);
  if (left.bytes >= 0 && left.values >= 0) return;
  const most = left.bytes < 0 ? `${mostBytes} bytes` : `${MOST_VALUES} values`;
  throw new BackupError('limit', `${what}: more than ${most} to be kept in one piece`);
}

interface Left {
  bytes: number;
  values: number;
}

function subtractEach(values: readonly Dlist[], left: Left): void {
  for (const value of values) {
    if (left.bytes < 0 || left.values < 0) return;
    subtract(value, left);
  }
}

function subtract(value: Dlist, left: Left): void {
  left.values -= 1;
  if (typeof value === 'string') left.bytes -= value.length;
  else if (value instanceof Flag) left.bytes -= value.name.length;
  else if (value instanceof KeyValues) subtractEach(value.flat, left);
  else if (Array.isArray(value)) subtractEach(value, left);
  else if (value instanceof FileLiteral)
    throw new BackupError('bad-parameters', 'a file in the place of a value');
}
