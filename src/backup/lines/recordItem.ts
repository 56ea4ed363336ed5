/**
 * Writes a record in the form of a RECORD (...) list, as in the MAILBOX lines of the log and of a
 * master.
 */
import type { RecordWithGuid } from '../../index/queries/records.ts';
import { Flag, KeyValues } from '../../protocol/dlist.ts';
import type { Dlist } from '../../protocol/dlist.ts';
import { parseDlist } from '../../protocol/parseText.ts';

export function recordItem(record: RecordWithGuid): KeyValues {
  const flags: Dlist[] = record.flags === '' ? [] : record.flags.split(' ').map(flagItem);
  if (record.expunged !== null) flags.push(Flag.of('\\Expunged'));
  const entries: [string, Dlist][] = [
    ['UID', String(record.uid)],
    ['MODSEQ', record.modseq],
    ['LAST_UPDATED', String(record.lastUpdated)],
    ['FLAGS', flags],
    ['INTERNALDATE', String(record.internaldate)],
    ['SIZE', String(record.size)],
    ['GUID', record.guid],
  ];
  if (record.annotations !== null) entries.push(['ANNOTATIONS', parseDlist(record.annotations)]);
  if (record.extra !== null) entries.push(...(parseDlist(`%(${record.extra})`) as KeyValues).entries);
  return new KeyValues(entries);
}

function flagItem(name: string): Dlist {
  return name.startsWith('\\') ? Flag.of(name) : name;
}
