/**
 * Writes lines that the originals' tools do not know in a form that those tools still read.
 *
 * Their `reindex` fails on a line whose name it does not know. But it accepts any RESERVE and
 * ignores it (cyrus-imapd backup/lcb_indexw.c, backup_index), and their `compact` keeps it. So
 * `APPLY QUOTA %(...)` is written as
 * `APPLY RESERVE %(PARTITION "" MBOXNAME () GUID () APPLY %(QUOTA %(...)))`.
 * We never write any other RESERVE, since it would change nothing.
 */
import type { FoldLine } from '../../index/types.ts';
import { KeyValues } from '../../protocol/dlist.ts';

/** The names that the originals index. */
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

/** Returns the line as it is written to the log. */
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

/** Returns the line that a line of the log stands for. */
export function fromLog(line: FoldLine): FoldLine {
  const inner =
    line.name === 'RESERVE' && line.value instanceof KeyValues ? line.value.get('APPLY') : undefined;
  const entry = inner instanceof KeyValues ? inner.entries[0] : undefined;
  return entry === undefined ? line : { time: line.time, name: entry[0].toUpperCase(), value: entry[1] };
}
