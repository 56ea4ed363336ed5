/**
 * Recreates a mailbox exactly as it was: UIDVALIDITY, UIDs, modseqs, flags and checksum. Clients
 * notice no difference. The mailbox is sent in the way a master replicates it (APPLY MAILBOX), in
 * batches in UID order. The server verifies its checksum after each batch, so a batch that it
 * answers with OK is equal to the backup. An interrupted restore leaves a mailbox that equals the
 * beginning of the backup's mailbox. The next restore continues from there.
 *
 * The original restore tool uses RESTORE MAILBOX for this. That command checks nothing, and it
 * crashes Debian's server if a new mailbox has annotations: an assertion about a lock that only
 * APPLY takes.
 */
import { randomUUID } from 'node:crypto';
import { BackupError } from '../../errors.ts';
import type { Dlist } from '../../protocol/dlist.ts';
import { getNumber, optionalString } from '../../protocol/dlist.ts';
import { messageFailure } from '../report/outcome.ts';
import type { MailboxOutcome } from '../report/outcome.ts';
import type { SelectedMailbox } from '../select/selectedMailbox.ts';
import type { SourceRecord } from '../source.ts';
import type { CyrusJob } from './job.ts';
import { mailboxText } from './mailboxText.ts';
import { MailboxCrc, UNCHECKED, exactFields } from './recordText.ts';
import type { RecordFields } from './recordText.ts';
import type { ServerMailbox } from './state/serverState.ts';
import { uploadMissing, withoutBytes } from './uploader.ts';

/** Each batch is one commit on the server. */
const RECORDS_A_BATCH = 1024;

/**
 * Compares a mailbox of the server with the backup's:
 * - `same`: the two are equal.
 * - `behind`: the server's mailbox equals the beginning of the backup's, so the rest can be sent.
 * - `other`: anything else.
 *
 * The checksum stands for the records, as between a master and its replica.
 */
export function compareExactly(
  selected: SelectedMailbox,
  server: ServerMailbox,
): 'same' | 'behind' | 'other' {
  const { mailbox } = selected;
  const crc = new MailboxCrc();
  if (server.uidvalidity !== mailbox.uidvalidity || server.lastUid > mailbox.lastUid) return 'other';
  for (const record of selected.allRecords()) {
    if (record.uid > server.lastUid) break;
    crc.toggle(exactFields(record));
  }
  if (crc.basic !== server.crc) return 'other';
  if (server.lastUid === mailbox.lastUid) return 'same';
  const isOlder = server.highestModseq <= BigInt(mailbox.highestmodseq);
  return isOlder && server.uniqueid === mailbox.uniqueid ? 'behind' : 'other';
}

/** Creates the mailbox, or sends what `server` lacks. */
export async function restoreExactly(
  job: CyrusJob,
  selected: SelectedMailbox,
  outcome: MailboxOutcome,
  server: ServerMailbox | undefined,
): Promise<void> {
  const changes = await mailboxChanges(job, selected, outcome, server);
  const crc = new MailboxCrc();
  let modseq = 1n;
  let isMade = false;
  let batch: SourceRecord[] = [];
  const send = async (isLast: boolean): Promise<void> => {
    const sent = await uploadBatch(job, selected, outcome, batch);
    for (const record of sent) {
      crc.toggle(record);
      if (BigInt(record.modseq) > modseq) modseq = BigInt(record.modseq);
    }
    const { lastUid, highestmodseq } = selected.mailbox;
    if (modseq < (server?.highestModseq ?? 0n)) modseq = server?.highestModseq ?? 0n;
    const all = new Map<string, Dlist | undefined>([
      ...changes,
      ['LAST_UID', String(isLast ? lastUid : (batch.at(-1)?.uid ?? 0))],
      ['HIGHESTMODSEQ', isLast ? highestmodseq : String(modseq)],
      // Zero means "do not check" (imap/mailbox.c, mailbox_crceq); it is also the checksum of no
      // records.
      ['SYNC_CRC', String(crc.basic)],
      ['SYNC_CRC_ANNOT', UNCHECKED],
    ]);
    if (!job.isPlan) {
      await applyOrCreate(job, selected, all, sent, server === undefined && !isMade);
      isMade = true;
      if (batch.length > 0) await job.client.restart();
    }
    job.onProgress(outcome);
    batch = [];
  };
  for (const record of selected.allRecords()) {
    if (record.uid <= (server?.lastUid ?? 0)) {
      crc.toggle(exactFields(record));
      if (BigInt(record.modseq) > modseq) modseq = BigInt(record.modseq);
      if (record.expunged === null) outcome.skipped += 1;
      continue;
    }
    if (batch.length >= RECORDS_A_BATCH) await send(false);
    batch.push(record);
  }
  await send(true);
}

/**
 * Applies the mailbox; if the server refuses it as moved, creates it empty with RESTORE first.
 *
 * A server that has expired a deleted mailbox keeps its uniqueid under the name DELETED.… (seen
 * with 3.6.1: the entry by uniqueid stays in mailboxes.db). It does not list that mailbox, but
 * refuses the uniqueid in APPLY as "moved". RESTORE accepts it and creates the mailbox at the
 * lowest modseq. APPLY then fills it.
 */
async function applyOrCreate(
  job: CyrusJob,
  selected: SelectedMailbox,
  changes: ReadonlyMap<string, Dlist | undefined>,
  records: readonly RecordFields[],
  isNew: boolean,
): Promise<void> {
  const verb = job.isLocal ? 'LOCAL_MAILBOX' : 'MAILBOX';
  const text = mailboxText(verb, selected.state, changes, records);
  try {
    await job.client.apply(text);
  } catch (error) {
    if (!isNew || !(error instanceof BackupError) || error.subject !== 'IMAP_MAILBOX_MOVED') throw error;
    const empty = new Map([...changes, ['HIGHESTMODSEQ', '1'] as const, ['ANNOTATIONS', undefined] as const]);
    await job.client.restore(mailboxText(verb, selected.state, empty, []));
    await job.client.apply(text);
  }
}

/** Uploads the missing bytes, and returns the records that can be sent. */
async function uploadBatch(
  job: CyrusJob,
  selected: SelectedMailbox,
  outcome: MailboxOutcome,
  batch: readonly SourceRecord[],
): Promise<RecordFields[]> {
  const partition = job.partition ?? optionalString(selected.state, 'PARTITION') ?? 'default';
  const folders = job.foldersWith(batch, outcome.target);
  const { failed } = job.isPlan
    ? { failed: await withoutBytes(job.client, partition, batch, folders) }
    : await uploadMissing(job, partition, batch, folders);
  const sent: RecordFields[] = [];
  for (const record of batch) {
    const why = failed.get(record.guid);
    if (why !== undefined) {
      outcome.failures.push(messageFailure(record, why));
      continue;
    }
    sent.push(exactFields(record));
    if (record.expunged !== null) continue;
    outcome.added += 1;
    outcome.bytes += record.size;
  }
  return sent;
}

async function mailboxChanges(
  job: CyrusJob,
  selected: SelectedMailbox,
  outcome: MailboxOutcome,
  server: ServerMailbox | undefined,
): Promise<Map<string, Dlist | undefined>> {
  const changes = new Map<string, Dlist | undefined>([['MBOXNAME', outcome.target]]);
  if (job.partition !== undefined) changes.set('PARTITION', job.partition);
  // A server requires each of these (imap/sync_support.c, sync_apply_mailbox); not every master has
  // sent all of them.
  for (const [key, fallback] of required) if (selected.state.get(key) == null) changes.set(key, fallback);
  if (!job.what.has('annotations')) changes.set('ANNOTATIONS', undefined);
  if (!job.what.has('acl')) changes.set('ACL', job.ownersAcl(outcome.target));
  const holder = server === undefined ? job.holderOf(selected.mailbox.uniqueid) : undefined;
  if (holder !== undefined && holder !== outcome.target) {
    changes.set('UNIQUEID', randomUUID());
    outcome.notes.push(`its uniqueid is still in use by ${holder}, so it gets a new one`);
  }
  outcome.isNew = server === undefined;
  return changes;
}

const required: readonly [string, string][] = [
  ['PARTITION', 'default'],
  ['RECENTUID', '0'],
  ['RECENTTIME', '0'],
  ['LAST_APPENDDATE', '0'],
  ['POP3_LAST_LOGIN', '0'],
  ['OPTIONS', ''],
  ['ACL', ''],
];

/** Reports whether the state has everything that an exact mailbox needs. */
export function isComplete({ state, mailbox }: SelectedMailbox): boolean {
  return mailbox.uidvalidity > 0 && BigInt(mailbox.highestmodseq) > 0n && getNumber(state, 'LAST_UID') >= 0;
}
