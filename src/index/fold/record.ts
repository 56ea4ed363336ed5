/**
 * Folds one message's record in a mailbox, and returns how the mailbox's CRCs change. Each CRC is
 * the XOR of the CRCs of the living records. So the change is the record's old CRC XOR its new CRC.
 */
import type { FoldContext } from './fold.ts';
import { namedMessage } from '../queries/messages.ts';
import { clearUndelivered } from '../queries/missing.ts';
import { Flag, getBigInt, getNumber, getString, optionalList, optionalNumber } from '../../protocol/dlist.ts';
import type { Dlist, KeyValues } from '../../protocol/dlist.ts';
import { printDlist, printItem } from '../../protocol/print.ts';
import { annotsCrc, paddingsCrc, recordCrc } from '../../protocol/crc.ts';
import { noCrcs, withCrcs, type Crcs } from '../queries/crcs.ts';
import { crcAnnotation } from '../queries/crcs.ts';
import { recordColumns } from '../queries/records.ts';
import type { MessageRecord } from '../types.ts';
import { BackupError } from '../../errors.ts';

/** A record listed in a MAILBOX line, after it was folded. */
export interface FoldedRecord {
  readonly uid: number;
  readonly isLiving: boolean;
  readonly adds: Crcs;
  /** How the record changed the mailbox's CRCs. */
  readonly change: Crcs;
  /** Whether the line changed the record. */
  readonly isChanged: boolean;
  /** Whether the backup holds the bytes of the record's message. */
  readonly hasMessage: boolean;
}

const columnKeys = new Set([
  'UID',
  'MODSEQ',
  'LAST_UPDATED',
  'FLAGS',
  'INTERNALDATE',
  'SIZE',
  'GUID',
  'ANNOTATIONS',
]);

interface RecordRow extends Crcs, Omit<MessageRecord, 'mailboxId' | 'uid' | 'modseq'> {
  modseq: bigint;
}

/** A record parsed from the current line. */
interface Read {
  readonly row: RecordRow;
  readonly hasMessage: boolean;
}

/** Returns a modseq. A modseq has 64 bits in the protocol, but SQLite stores only 63. */
export function modseqOf(kv: KeyValues, key: string): bigint {
  const modseq = getBigInt(kv, key);
  if (modseq >= 1n << 63n) throw new BackupError('bad-parameters', `${key}: the number is too large`);
  return modseq;
}

export function foldRecord(context: FoldContext, mailboxId: number, kv: KeyValues): FoldedRecord {
  const uid = getNumber(kv, 'UID');
  const old = currentRecord(context, mailboxId, uid);
  const { row, hasMessage } = recordRow(context, kv, uid, old);
  const folded = { uid, isLiving: row.expunged === null, adds: row, hasMessage };
  if (old !== undefined && sameRecord(old, row)) return { ...folded, change: noCrcs, isChanged: false };
  if (old !== undefined) keepRecord(context, mailboxId, uid, old);
  putRecord(context, mailboxId, uid, row);
  // The record has changed on the master, so a message that the master could not send before may
  // now be available.
  if (!hasMessage) clearUndelivered(context.index, row.messageId);
  const change = old === undefined ? folded.adds : withCrcs(row, old);
  return { ...folded, change, isChanged: true };
}

/**
 * Marks a record as expunged now. Has no effect if the record does not exist or is already
 * expunged.
 */
export function expungeRecord(context: FoldContext, mailboxId: number, uid: number): Crcs {
  const old = currentRecord(context, mailboxId, uid);
  if (old === undefined || old.expunged !== null) return noCrcs;
  keepRecord(context, mailboxId, uid, old);
  const row = { ...old, ...noCrcs, expunged: context.now, since: context.now };
  putRecord(context, mailboxId, uid, row);
  return old;
}

function recordRow(context: FoldContext, kv: KeyValues, uid: number, old: RecordRow | undefined): Read {
  const modseq = modseqOf(kv, 'MODSEQ');
  const flags = (optionalList(kv, 'FLAGS') ?? []).flatMap(flagNames);
  const shown = flags.filter((flag) => !isExpungedFlag(flag));
  const isExpunged = shown.length < flags.length;
  const annotations = optionalList(kv, 'ANNOTATIONS');
  const lastUpdated = getNumber(kv, 'LAST_UPDATED');
  const internaldate = getNumber(kv, 'INTERNALDATE');
  const guid = getString(kv, 'GUID');
  const size = optionalNumber(kv, 'SIZE') ?? 0;
  const extra = extraItems(kv);
  const counted = isExpunged || annotations === undefined ? [] : annotations.map(crcAnnotation);
  const message = namedMessage(context.index, guid, size);
  const row = {
    modseq,
    lastUpdated,
    internaldate,
    size,
    messageId: message.id,
    flags: shown.join(' '),
    annotations: annotations === undefined ? null : printDlist(annotations, 'log'),
    extra,
    expunged: isExpunged ? (old?.expunged ?? context.now) : null,
    since: context.now,
    // Expunged records do not contribute to the CRC (imap/mailbox.c, crc_basic).
    crc: isExpunged ? 0 : recordCrc({ uid, modseq, lastUpdated, flags: shown, internaldate, guid }),
    crcAnnot: annotsCrc(uid, counted),
    crcPadding: paddingsCrc(uid, counted),
  };
  return { row, hasMessage: message.isHere };
}

/**
 * Returns the keys of a RECORD that have no column in the index, as printed; null if there are
 * none.
 */
export function extraItems({ flat }: KeyValues): string | null {
  const extra: string[] = [];
  for (let at = 0; at < flat.length; at += 2) {
    const key = flat[at] as string;
    if (!columnKeys.has(key)) extra.push(printItem(key, flat[at + 1] as Dlist, 'log'));
  }
  return extra.length === 0 ? null : extra.join(' ');
}

export function isExpungedFlag(name: string): boolean {
  return name.toLowerCase() === '\\expunged';
}

/**
 * Characters that a stored flag must not contain. Flags are stored in one text, separated by
 * spaces, and written to the log without quotes.
 */
const PARTS_FLAGS = /[\x00-\x20"()\x7f]+/;

/**
 * Returns a flag's name. A log of an earlier version may hold a flag that cannot be stored. Such a
 * flag is split into several, in the same way for every reader.
 */
export function flagNames(value: Dlist): string[] {
  const name = value instanceof Flag ? value.name : value;
  if (typeof name !== 'string') {
    throw new BackupError('bad-parameters', 'FLAGS: a list of flags is expected');
  }
  return isStorableFlag(name) ? [name] : name.split(PARTS_FLAGS).filter((part) => part !== '');
}

function isStorableFlag(name: string): boolean {
  return name !== '' && !PARTS_FLAGS.test(name);
}

/**
 * Checks a record received from a master. Throws 'bad-parameters' if the name of one of its flags
 * could not be restored exactly.
 */
export function requireStorableFlags(record: KeyValues): void {
  for (const value of optionalList(record, 'FLAGS') ?? []) {
    const name = value instanceof Flag ? value.name : value;
    if (typeof name === 'string' && isStorableFlag(name)) continue;
    throw new BackupError('bad-parameters', `FLAGS: ${JSON.stringify(name)} is no name of a flag`);
  }
}

function currentRecord({ index }: FoldContext, mailboxId: number, uid: number): RecordRow | undefined {
  const row = index.get<Omit<RecordRow, 'modseq'> & { modseq: string }>(
    `SELECT ${recordColumns('record')}, crc, crc_annot AS crcAnnot, crc_padding AS crcPadding FROM record
     WHERE mailbox_id = ? AND uid = ?`,
    mailboxId,
    uid,
  );
  return row === undefined ? undefined : { ...row, modseq: BigInt(row.modseq) };
}

function sameRecord(a: RecordRow, b: RecordRow): boolean {
  return (
    a.modseq === b.modseq &&
    a.lastUpdated === b.lastUpdated &&
    a.internaldate === b.internaldate &&
    a.size === b.size &&
    a.messageId === b.messageId &&
    a.flags === b.flags &&
    a.annotations === b.annotations &&
    a.extra === b.extra &&
    a.expunged === b.expunged
  );
}

function keepRecord({ index, now }: FoldContext, mailboxId: number, uid: number, old: RecordRow): void {
  if (old.since >= now) return;
  index.run(
    `INSERT INTO record_history (mailbox_id, uid, modseq, last_updated, internaldate, size, message_id, flags,
                                 annotations, extra, expunged, since, until)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    mailboxId,
    uid,
    old.modseq,
    old.lastUpdated,
    old.internaldate,
    old.size,
    old.messageId,
    old.flags,
    old.annotations,
    old.extra,
    old.expunged,
    old.since,
    now,
  );
}

function putRecord({ index }: FoldContext, mailboxId: number, uid: number, row: RecordRow): void {
  index.run(
    `INSERT OR REPLACE INTO record (mailbox_id, uid, modseq, last_updated, internaldate, size, message_id, flags,
                                    annotations, extra, expunged, since, crc, crc_annot, crc_padding)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    mailboxId,
    uid,
    row.modseq,
    row.lastUpdated,
    row.internaldate,
    row.size,
    row.messageId,
    row.flags,
    row.annotations,
    row.extra,
    row.expunged,
    row.since,
    row.crc,
    row.crcAnnot,
    row.crcPadding,
  );
}
