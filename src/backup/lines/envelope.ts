/**
 * Writes lines that the original tools do not know in a form that those tools can still read.
 *
 * The original `reindex` fails on a line with an unknown name. But it accepts and ignores any
 * RESERVE line (cyrus-imapd backup/lcb_indexw.c, backup_index), and the original `compact` keeps
 * RESERVE lines. So `APPLY QUOTA %(...)` is written as `APPLY RESERVE %(PARTITION "" MBOXNAME ()
 * GUID () APPLY %(QUOTA %(...)))`. No other RESERVE line is ever written, since it would change
 * nothing.
 */
import type { FoldLine } from '../../index/types.ts';
import { KeyValues } from '../../protocol/dlist.ts';

/** The names of the lines that the original tools know. */
const plain: ReadonlySet<string> = new Set([
  'EXPUNGE',
  'MAILBOX',
  'MESSAGE',
  'RENAME',
  'RESERVE',
  'SEEN',
  'SIEVE',
  'SUB',
  'UNMAILBOX',
  'UNSIEVE',
  'UNSUB',
]);

/** Returns the form in which a line is written to the log. */
export function toLog(line: FoldLine): FoldLine {
  if (plain.has(line.name)) return line;
  const value = new KeyValues([
    ['PARTITION', ''],
    ['MBOXNAME', []],
    ['GUID', []],
    ['APPLY', new KeyValues([[line.name, line.value]])],
  ]);
  return { time: line.time, name: 'RESERVE', value };
}

/** Returns the original line for a line read from the log: the reverse of toLog(). */
export function fromLog(line: FoldLine): FoldLine {
  const inner =
    line.name === 'RESERVE' && line.value instanceof KeyValues ? line.value.get('APPLY') : undefined;
  const entry = inner instanceof KeyValues ? inner.entries[0] : undefined;
  return entry === undefined ? line : { time: line.time, name: entry[0].toUpperCase(), value: entry[1] };
}
