/** Folds mailboxes: MAILBOX with its records, EXPUNGE, RENAME, UNMAILBOX, UNUSER. */
import type { FoldContext, Steps } from './fold.ts';
import type { FoldLine, LiveMailbox } from '../types.ts';
import { endItems } from './item.ts';
import { Listing, compareWithSent } from './compare.ts';
import type { Claim } from './compare.ts';
import { expungeRecord, foldRecord, modseqOf } from './record.ts';
import { withCrcs, type Crcs, type SentCrcs } from '../queries/crcs.ts';
import { resendNumber, resendOf } from './resend.ts';
import { printState, replaceInState } from './state.ts';
import { mailboxByName, mailboxByUniqueid, nextLivingMailbox } from '../queries/mailboxes.ts';
import {
  getNumber,
  getString,
  optionalList,
  optionalNumber,
  optionalString,
  toKeyValues,
  toNumber,
} from '../../protocol/dlist.ts';
import type { Dlist, KeyValues } from '../../protocol/dlist.ts';
import { initialAnnotCrc } from '../../protocol/crc.ts';
import { BackupError } from '../../errors.ts';

/**
 * The number of records folded in one step. A step takes about half a millisecond, or some 50
 * milliseconds if every record has the largest allowed size.
 */
const RECORDS_A_STEP = 16;
const MAILBOXES_A_STEP = 64;

/**
 * A key of the MAILBOX lines that a compaction writes: the mailbox's `resend` value (compare.ts)
 * after this line. Such a line lists only the records that are still needed, so its CRCs must not
 * be compared.
 */
export const RESEND_KEY = 'RESEND';

/** Keys that describe the transfer, not the mailbox. They are not part of its state. */
const notState = new Set(['RECORD', 'SINCE_MODSEQ', 'SINCE_CRC', 'SINCE_CRC_ANNOT', RESEND_KEY]);

/**
 * Folds MAILBOX %(UNIQUEID ... RECORD (...)), which carries the mailbox's whole state and the
 * changed records. All keys but the first two may be absent, because an intermediate mailbox
 * carries only names and modseqs. Returns whether the line changed anything.
 */
export function* foldMailbox(context: FoldContext, line: FoldLine): Generator<void, boolean, void> {
  const kv = toKeyValues(line.value, line.name);
  const before = mailboxByUniqueid(context.index, getString(kv, 'UNIQUEID'));
  const mailbox = putMailbox(context, kv, before);
  let isChanged = before === undefined || before.deleted !== null || before.state !== mailbox.state;
  let missingFrom = mailbox.missingFrom;
  const listing = new Listing();
  let held: Crcs = mailbox;
  for (const [count, item] of (optionalList(kv, 'RECORD') ?? []).entries()) {
    const record = foldRecord(context, mailbox.id, toKeyValues(item, 'RECORD'));
    listing.add(record);
    held = withCrcs(held, record.change);
    isChanged ||= record.isChanged;
    if (record.isLiving && !record.hasMessage) missingFrom = Math.min(missingFrom ?? Infinity, record.uid);
    if (count % RECORDS_A_STEP === RECORDS_A_STEP - 1) yield;
  }
  const settled = optionalNumber(kv, RESEND_KEY);
  const compared =
    settled === undefined
      ? yield* compareWithSent(context, mailbox, claimOf(kv, mailbox, before), held, listing)
      : { crcs: held, resend: resendOf(settled) };
  setCrcs(context, mailbox.id, compared.crcs);
  const sql = 'UPDATE mailbox SET resend = ?, missing_from = ? WHERE id = ?';
  context.index.run(sql, resendNumber[compared.resend], missingFrom, mailbox.id);
  const { crc, crcAnnot } = compared.crcs;
  const isSettled =
    mailbox.resend === compared.resend && mailbox.crc === crc && mailbox.crcAnnot === crcAnnot;
  return isChanged || !isSettled;
}

function claimOf(kv: KeyValues, mailbox: LiveMailbox, before: LiveMailbox | undefined): Claim {
  return {
    sent: sentCrcs(mailbox),
    sentBefore: before === undefined ? null : sentCrcs(before),
    isFull: kv.get('SINCE_MODSEQ') == null || modseqOf(kv, 'SINCE_MODSEQ') === 0n,
  };
}

function sentCrcs({ sentCrc: crc, sentCrcAnnot: crcAnnot }: LiveMailbox): SentCrcs | null {
  return crc === null || crcAnnot === null ? null : { crc, crcAnnot };
}

function putMailbox(context: FoldContext, kv: KeyValues, old: LiveMailbox | undefined): LiveMailbox {
  const { index, now } = context;
  const uniqueid = getString(kv, 'UNIQUEID');
  const name = getString(kv, 'MBOXNAME');
  retireNamesake(context, name, uniqueid);
  const columns = {
    name,
    uidvalidity: optionalNumber(kv, 'UIDVALIDITY') ?? 0,
    lastUid: optionalNumber(kv, 'LAST_UID') ?? 0,
    highestmodseq: kv.get('HIGHESTMODSEQ') == null ? 0n : modseqOf(kv, 'HIGHESTMODSEQ'),
    state: printState(kv.entries.filter(([key]) => !notState.has(key))),
    sentCrc: optionalNumber(kv, 'SYNC_CRC') ?? null,
    // A batch has no SYNC_CRC_ANNOT, and its SYNC_CRC is a dummy zero (imap/sync_support.c,
    // ispartial).
    sentCrcAnnot: optionalNumber(kv, 'SYNC_CRC_ANNOT') ?? null,
  };
  if (old === undefined) {
    index.run(
      `INSERT INTO mailbox (name, uidvalidity, last_uid, highestmodseq, state, sent_crc, sent_crc_annot,
                            uniqueid, crc_annot, since, changed)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ...Object.values(columns),
      uniqueid,
      initialAnnotCrc,
      now,
      now,
    );
  } else {
    const same = old.state === columns.state && old.deleted === null;
    if (!same) keepMailbox(context, old);
    index.run(
      `UPDATE mailbox SET name = ?, uidvalidity = ?, last_uid = ?, highestmodseq = ?, state = ?, sent_crc = ?,
              sent_crc_annot = ?, deleted = NULL, since = ?, changed = ? WHERE id = ?`,
      ...Object.values(columns),
      same ? old.since : now,
      now,
      old.id,
    );
  }
  return mailboxByUniqueid(index, uniqueid) as LiveMailbox;
}

/**
 * Ends a living mailbox that has this name but another uniqueid. The mailbox was deleted and
 * created again, even if the master did not report that.
 */
function retireNamesake(context: FoldContext, name: string, uniqueid: string | undefined): void {
  const namesake = mailboxByName(context.index, name);
  if (namesake !== undefined && namesake.uniqueid !== uniqueid) endMailbox(context, namesake);
}

/**
 * Copies the mailbox's former state to the history, unless that state lasted less than a full
 * second.
 */
export function keepMailbox({ index, now }: FoldContext, old: LiveMailbox): void {
  if (old.since >= now) return;
  index.run(
    `INSERT INTO mailbox_history (id, uniqueid, name, uidvalidity, last_uid, highestmodseq, deleted, state, since, until)
     SELECT id, uniqueid, name, uidvalidity, last_uid, highestmodseq, deleted, state, since, ? FROM mailbox WHERE id = ?`,
    now,
    old.id,
  );
}

function endMailbox(context: FoldContext, mailbox: LiveMailbox): void {
  const { index, now } = context;
  keepMailbox(context, mailbox);
  index.run('UPDATE mailbox SET deleted = ?, since = ?, changed = ? WHERE id = ?', now, now, now, mailbox.id);
}

function setCrcs({ index }: FoldContext, id: number, { crc, crcAnnot, crcPadding }: Crcs): void {
  const sql = 'UPDATE mailbox SET crc = ?, crc_annot = ?, crc_padding = ? WHERE id = ?';
  index.run(sql, crc, crcAnnot, crcPadding, id);
}

/**
 * Folds EXPUNGE %(MBOXNAME UNIQUEID UID (...)), which old masters send. Newer masters send records
 * with \Expunged instead.
 */
export function* foldExpunge(context: FoldContext, line: FoldLine): Steps {
  const kv = toKeyValues(line.value, line.name);
  const mailbox = mailboxByUniqueid(context.index, getString(kv, 'UNIQUEID'));
  if (mailbox === undefined) throw nonexistent(getString(kv, 'MBOXNAME'));
  let crcs: Crcs = mailbox;
  for (const [count, item] of (optionalList(kv, 'UID') ?? []).entries()) {
    crcs = withCrcs(crcs, expungeRecord(context, mailbox.id, toNumber(item, 'UID')));
    if (count % RECORDS_A_STEP === RECORDS_A_STEP - 1) yield;
  }
  setCrcs(context, mailbox.id, crcs);
  context.index.run('UPDATE mailbox SET changed = ? WHERE id = ?', context.now, mailbox.id);
}

/**
 * Folds RENAME %(OLDMBOXNAME NEWMBOXNAME PARTITION UIDVALIDITY [UNIQUEID]), a rename within one
 * user.
 */
export function foldRename(context: FoldContext, line: FoldLine): void {
  const { index, now } = context;
  const kv = toKeyValues(line.value, line.name);
  const oldName = getString(kv, 'OLDMBOXNAME');
  const name = getString(kv, 'NEWMBOXNAME');
  const uniqueid = optionalString(kv, 'UNIQUEID');
  const mailbox = uniqueid === undefined ? mailboxByName(index, oldName) : mailboxByUniqueid(index, uniqueid);
  if (mailbox === undefined) throw nonexistent(oldName);
  retireNamesake(context, name, mailbox.uniqueid);
  keepMailbox(context, mailbox);
  const changes = new Map<string, Dlist>([
    ['MBOXNAME', name],
    ['PARTITION', optionalString(kv, 'PARTITION') ?? null],
    ['UIDVALIDITY', optionalString(kv, 'UIDVALIDITY') ?? null],
  ]);
  index.run(
    `UPDATE mailbox SET name = ?, uidvalidity = ?, state = ?, deleted = NULL, since = ?, changed = ? WHERE id = ?`,
    name,
    kv.get('UIDVALIDITY') == null ? mailbox.uidvalidity : getNumber(kv, 'UIDVALIDITY'),
    replaceInState(mailbox.state, changes),
    now,
    now,
    mailbox.id,
  );
}

/**
 * Folds UNMAILBOX name: the mailbox ends, and its mail stays in the backup for the retention.
 * Deleting a missing mailbox is no error.
 */
export function foldUnmailbox(context: FoldContext, line: FoldLine): void {
  if (typeof line.value !== 'string')
    throw new BackupError('bad-parameters', `${line.name}: a name is expected`);
  const mailbox = mailboxByName(context.index, line.value);
  if (mailbox !== undefined) endMailbox(context, mailbox);
}

/**
 * Folds UNUSER userid: the account and everything in it end. Their content stays in the backup for
 * the retention.
 */
export function* foldUnuser(context: FoldContext): Steps {
  for (let count = 1; ; count += 1) {
    const mailbox = nextLivingMailbox(context.index, null);
    if (mailbox === undefined) break;
    endMailbox(context, mailbox);
    if (count % MAILBOXES_A_STEP === 0) yield;
  }
  yield* endItems(context);
}

export function nonexistent(name: string): BackupError {
  return new BackupError('not-found', `mailbox ${name} is not in this backup`, { subject: name });
}
