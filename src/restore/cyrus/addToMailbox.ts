/**
 * Restores into an existing mailbox, or into a new one without keeping UIDs. Messages that the
 * server lacks are added as new messages (RESTORE MAILBOX). Messages that it holds are recognized
 * by GUID and left unchanged, or with `replace` are set to the backup's state.
 *
 * If the backup has two copies of a message and the mailbox has one copy, another copy is added.
 */
import type { Dlist } from '../../protocol/dlist.ts';
import { optionalList, optionalString } from '../../protocol/dlist.ts';
import { KeyValues } from '../../protocol/dlist.ts';
import { messageFailure } from '../report/outcome.ts';
import type { MailboxOutcome } from '../report/outcome.ts';
import type { SelectedMailbox } from '../select/selectedMailbox.ts';
import type { SourceRecord } from '../source.ts';
import { changeMailbox, settingsChanges } from './changeMailbox.ts';
import type { CyrusJob } from './job.ts';
import { KeywordLimit } from './keywordLimit.ts';
import { mailboxText } from './mailboxText.ts';
import { freshFields } from './recordText.ts';
import type { RecordFields } from './recordText.ts';
import { fullMailbox } from './state/serverState.ts';
import type { ServerMailbox, ServerRecord } from './state/serverState.ts';
import { uploadMissing, withoutBytes } from './uploader.ts';

const RECORDS_A_BATCH = 1024;

export async function addToMailbox(
  job: CyrusJob,
  selected: SelectedMailbox,
  outcome: MailboxOutcome,
  server: ServerMailbox | undefined,
): Promise<void> {
  const full = server === undefined ? undefined : await fullMailbox(job.client, server.name);
  const partition =
    full?.mailbox.partition ?? job.partition ?? optionalString(selected.state, 'PARTITION') ?? 'default';
  outcome.isNew = full === undefined;
  if (full === undefined) await createMailbox(job, selected, outcome, partition);
  const held =
    job.existing === 'copy' ? new Map<string, ServerRecord[]>() : livingByGuid(full?.records ?? []);
  const missing = (): Iterable<SourceRecord> => recordsNotHeld(selected, held);
  const limit = new KeywordLimit(full?.records ?? [], takesFlags(job) ? missing() : [], job.isCautious);
  const pairs: [SourceRecord, ServerRecord][] = [];
  let batch: SourceRecord[] = [];
  const send = async (): Promise<void> => {
    await addBatch(job, selected, outcome, partition, batch);
    batch = [];
  };
  try {
    for (const record of job.what.has('mail') ? selected.records() : []) {
      const there = held.get(record.guid)?.shift();
      if (there !== undefined) {
        outcome.skipped += 1;
        if (job.existing === 'replace') pairs.push([record, there]);
        continue;
      }
      batch.push(takesFlags(job) ? limit.limited(record) : record);
      if (batch.length >= RECORDS_A_BATCH) await send();
    }
    if (batch.length > 0) await send();
  } finally {
    limit.report(outcome);
  }
  if (job.existing === 'replace' && full !== undefined) {
    // The pairs were matched before anything was added, so no new message is among them.
    const settings = settingsChanges(job, selected, full.mailbox);
    await changeMailbox(job, outcome, full.mailbox.name, pairs, { isFlagsOnly: false, settings });
  }
}

function takesFlags({ what }: CyrusJob): boolean {
  return what.has('mail') && what.has('flags');
}

function* recordsNotHeld(
  selected: SelectedMailbox,
  held: ReadonlyMap<string, readonly ServerRecord[]>,
): Generator<SourceRecord> {
  const counts = new Map<string, number>();
  for (const record of selected.records()) {
    const count = counts.get(record.guid) ?? 0;
    counts.set(record.guid, count + 1);
    if (count >= (held.get(record.guid)?.length ?? 0)) yield record;
  }
}

/** Groups the records that are not expunged by GUID, in UID order. */
export function livingByGuid(records: readonly ServerRecord[]): Map<string, ServerRecord[]> {
  const byGuid = new Map<string, ServerRecord[]>();
  for (const record of records) {
    if (record.isExpunged) continue;
    const others = byGuid.get(record.guid);
    if (others === undefined) byGuid.set(record.guid, [record]);
    else others.push(record);
  }
  return byGuid;
}

/**
 * Creates a mailbox. The server chooses uniqueid, UIDVALIDITY and modseqs. Annotations are set in a
 * second step; exactMailbox.ts explains why.
 */
async function createMailbox(
  job: CyrusJob,
  selected: SelectedMailbox,
  outcome: MailboxOutcome,
  partition: string,
): Promise<void> {
  if (job.isPlan) return;
  const acl = job.acl ?? (job.what.has('acl') ? optionalString(selected.state, 'ACL') : undefined);
  const state = new KeyValues([
    ['MBOXNAME', outcome.target],
    ['PARTITION', partition],
    ['OPTIONS', optionalString(selected.state, 'OPTIONS') ?? ''],
    ['MBOXTYPE', optionalString(selected.state, 'MBOXTYPE') ?? null],
  ]);
  if (acl !== undefined && acl !== '') state.flat.push('ACL', acl);
  await job.client.restore(mailboxText(restoreVerb(job), state, new Map(), []));
  const annotations = job.what.has('annotations') ? optionalList(selected.state, 'ANNOTATIONS') : undefined;
  if (annotations === undefined || annotations.length === 0) return;
  const settings = new Map<string, Dlist>([['ANNOTATIONS', annotations]]);
  await changeMailbox(job, undefined, outcome.target, [], { isFlagsOnly: false, settings });
}

function restoreVerb(job: CyrusJob): string {
  return job.isLocal ? 'LOCAL_MAILBOX' : 'MAILBOX';
}

async function addBatch(
  job: CyrusJob,
  selected: SelectedMailbox,
  outcome: MailboxOutcome,
  partition: string,
  batch: readonly SourceRecord[],
): Promise<void> {
  // A message that is expunged in the backup is restored as a living message, so its bytes are
  // needed.
  const wanted = batch.map((record) => ({ ...record, expunged: null }));
  const folders = job.foldersWith(batch, outcome.target);
  const { failed } = job.isPlan
    ? { failed: await withoutBytes(job.client, partition, wanted, folders) }
    : await uploadMissing(job, partition, wanted, folders);
  const sent: RecordFields[] = [];
  for (const record of batch) {
    const why = failed.get(record.guid);
    if (why === undefined) sent.push(job.what.has('flags') ? freshFields(record) : withoutFlags(record));
    else outcome.failures.push(messageFailure(record, why));
  }
  if (!job.isPlan && sent.length > 0) {
    const state = new KeyValues([
      ['MBOXNAME', outcome.target],
      ['MBOXTYPE', optionalString(selected.state, 'MBOXTYPE') ?? null],
    ]);
    await job.client.restore(mailboxText(restoreVerb(job), state, new Map(), sent));
    await job.client.restart();
  }
  outcome.added += sent.length;
  for (const { size } of sent) outcome.bytes += size;
  job.onProgress(outcome);
}

function withoutFlags(record: SourceRecord): RecordFields {
  return { ...freshFields(record), flags: '' };
}
