/**
 * A mailbox as GET prints it: every key that the master sent, known or not, with the CRCs of the records that we
 * really hold in place of those it told us.
 *
 * Where a message's bytes are missing, the mailbox is shown as of before that message: the master then sends its
 * record and its bytes again, as to any replica that is behind. Were it shown as it is, the master would believe all
 * is well; were a difference admitted (IMAP_SYNC_CHECKSUM), it would merge our state into its live mailbox.
 */
import type { IndexFile } from '../../index/indexFile.ts';
import { firstMissing, records } from '../../index/queries.ts';
import type { RecordWithGuid } from '../../index/queries.ts';
import { parseState } from '../../index/state.ts';
import type { LiveMailbox } from '../../index/types.ts';
import { initialAnnotCrc } from '../../protocol/crc.ts';
import { Flag, KeyValues } from '../../protocol/dlist.ts';
import type { Dlist } from '../../protocol/dlist.ts';
import { parseDlist } from '../../protocol/parseText.ts';

/** How much of a mailbox is shown. */
export interface Shown {
  readonly lastUid: number;
  readonly highestModseq: bigint;
  readonly crc: number;
  readonly crcAnnot: number;
  /** All of it, so that no record need be looked at. */
  readonly isWhole: boolean;
}

export function shownOf(index: IndexFile, mailbox: LiveMailbox): Shown {
  const highestModseq = BigInt(mailbox.highestmodseq);
  const missing = firstMissing(index, mailbox.id);
  if (missing === undefined) {
    return {
      lastUid: mailbox.last_uid,
      highestModseq,
      crc: mailbox.crc,
      crcAnnot: mailbox.crc_annot,
      isWhole: true,
    };
  }
  const lastUid = Math.min(mailbox.last_uid, missing.uid - 1);
  const before = BigInt(missing.modseq) - 1n;
  const shown = { lastUid, highestModseq: before < highestModseq ? before : highestModseq, isWhole: false };
  const row = index.all<{ crc: number; crc_annot: number }>(
    'SELECT crc, crc_annot FROM record WHERE mailbox_id = ? AND uid <= ? AND modseq <= ?',
    mailbox.id,
    shown.lastUid,
    shown.highestModseq,
  );
  let crc = 0;
  let crcAnnot = initialAnnotCrc;
  for (const record of row) {
    crc ^= record.crc;
    crcAnnot ^= record.crc_annot;
  }
  return { ...shown, crc: crc >>> 0, crcAnnot: crcAnnot >>> 0 };
}

/**
 * Keys that clients insist on, with what a server says of a mailbox that has none (an intermediate one): "old
 * sync_client will barf without it" (imap/sync_support.c).
 */
const defaults: readonly (readonly [key: string, value: Dlist])[] = [
  ['MBOXTYPE', null],
  ['LAST_UID', '0'],
  ['HIGHESTMODSEQ', '0'],
  ['RECENTUID', '0'],
  ['RECENTTIME', '0'],
  ['LAST_APPENDDATE', '0'],
  ['POP3_LAST_LOGIN', '0'],
  ['POP3_SHOW_AFTER', '0'],
  ['UIDVALIDITY', '0'],
  ['PARTITION', 'default'],
  ['ACL', ''],
  ['OPTIONS', ''],
  ['SYNC_CRC', '0'],
  ['SYNC_CRC_ANNOT', '0'],
];

export function mailboxItem(mailbox: LiveMailbox, shown: Shown): KeyValues {
  const computed = new Map<string, Dlist>([
    ['MBOXNAME', mailbox.name],
    ['LAST_UID', String(shown.lastUid)],
    ['HIGHESTMODSEQ', String(shown.highestModseq)],
    ['SYNC_CRC', String(shown.crc)],
    ['SYNC_CRC_ANNOT', String(shown.crcAnnot)],
  ]);
  const entries = parseState(mailbox.state).entries.map(([key, value]): [string, Dlist] => [
    key,
    computed.get(key) ?? value,
  ]);
  const sent = new Set(entries.map(([key]) => key));
  for (const [key, value] of defaults) {
    if (!sent.has(key)) entries.push([key, computed.get(key) ?? value]);
  }
  return new KeyValues(entries);
}

/** The records of FULLMAILBOX, within what is shown. */
export function* shownRecords(index: IndexFile, mailbox: LiveMailbox, shown: Shown): Generator<KeyValues> {
  for (const record of records(index, mailbox.id)) {
    const isBehind = record.uid > shown.lastUid || BigInt(record.modseq) > shown.highestModseq;
    if (shown.isWhole || !isBehind) yield recordItem(record);
  }
}

function recordItem(record: RecordWithGuid): KeyValues {
  const flags: Dlist[] = record.flags === '' ? [] : record.flags.split(' ').map(flagItem);
  if (record.expunged !== null) flags.push(Flag.of('\\Expunged'));
  const entries: [string, Dlist][] = [
    ['UID', String(record.uid)],
    ['MODSEQ', record.modseq],
    ['LAST_UPDATED', String(record.last_updated)],
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
