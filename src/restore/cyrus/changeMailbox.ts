/**
 * Changes an existing mailbox without touching its messages: flags and dates of records, and the
 * mailbox's own settings (ACL, annotations). The restore acts like a replication master: it sends
 * the mailbox's state with a higher modseq and the changed records. The SINCE_* keys make the
 * server refuse if the mailbox has changed since it was read. After a refusal, the mailbox is read
 * again and the change is retried.
 */
import { BackupError } from '../../errors.ts';
import type { Dlist } from '../../protocol/dlist.ts';
import { optionalList, optionalString } from '../../protocol/dlist.ts';
import { printDlist } from '../../protocol/print.ts';
import type { MailboxOutcome } from '../report/outcome.ts';
import type { SelectedMailbox } from '../select/selectedMailbox.ts';
import type { SourceRecord } from '../source.ts';
import type { CyrusJob } from './job.ts';
import { KeywordLimit } from './keywordLimit.ts';
import { mailboxText } from './mailboxText.ts';
import { MailboxCrc, UNCHECKED, freshFields } from './recordText.ts';
import { fullMailbox } from './state/serverState.ts';
import type { ServerMailbox, ServerRecord } from './state/serverState.ts';

export interface Changes {
  /** True to change only flags, not dates. */
  readonly isFlagsOnly: boolean;
  /** Keys of the mailbox's state, with their new values. */
  readonly settings: ReadonlyMap<string, Dlist>;
}

/** How often the update is tried if the mailbox changes each time. */
const ATTEMPTS = 5;
const RECORDS_A_BATCH = 1024;

/** Returns the ACL and annotations that differ from the backup's. */
export function settingsChanges(
  job: CyrusJob,
  selected: SelectedMailbox,
  server: ServerMailbox,
): Map<string, Dlist> {
  const settings = new Map<string, Dlist>();
  const acl = job.acl ?? optionalString(selected.state, 'ACL');
  if (job.what.has('acl') && acl !== undefined && acl !== optionalString(server.state, 'ACL')) {
    settings.set('ACL', acl);
  }
  const annotations = optionalList(selected.state, 'ANNOTATIONS') ?? [];
  const theirs = optionalList(server.state, 'ANNOTATIONS') ?? [];
  if (job.what.has('annotations') && printDlist(annotations, 'log') !== printDlist(theirs, 'log')) {
    settings.set('ANNOTATIONS', annotations);
  }
  return settings;
}

/**
 * `pairs`: records of the backup, each with the server's record of the same message. Counts the
 * changes in `outcome.changed`.
 */
export async function changeMailbox(
  job: CyrusJob,
  outcome: MailboxOutcome | undefined,
  name: string,
  pairs: readonly (readonly [SourceRecord, ServerRecord])[],
  changes: Changes,
): Promise<void> {
  const wanted = new Map<number, SourceRecord>();
  for (const [ours, theirs] of pairs) {
    if (differs(ours, theirs, changes.isFlagsOnly)) wanted.set(theirs.uid, ours);
  }
  if (outcome !== undefined) outcome.changed += wanted.size + (changes.settings.size > 0 ? 1 : 0);
  if (job.isPlan || (wanted.size === 0 && changes.settings.size === 0)) return;
  for (let attempt = 1; ; attempt += 1) {
    try {
      const limit = await applyChanges(job, name, wanted, changes);
      if (outcome !== undefined) limit.report(outcome);
      return;
    } catch (error) {
      const isChanged = error instanceof BackupError && error.subject === 'IMAP_SYNC_CHANGED';
      if (!isChanged || attempt >= ATTEMPTS) throw error;
    }
  }
}

function sameFlags(one: string, other: string): boolean {
  const sorted = (flags: string): string => flags.toLowerCase().split(' ').toSorted().join(' ');
  return sorted(one) === sorted(other);
}

function differs(ours: SourceRecord, theirs: ServerRecord, isFlagsOnly: boolean): boolean {
  if (!sameFlags(freshFields(ours).flags, theirs.flags)) return true;
  return !isFlagsOnly && ours.internaldate !== theirs.internaldate;
}

async function applyChanges(
  job: CyrusJob,
  name: string,
  wanted: ReadonlyMap<number, SourceRecord>,
  changes: Changes,
): Promise<KeywordLimit> {
  const full = await fullMailbox(job.client, name);
  if (full === undefined) throw new BackupError('not-found', `${name} is gone from the server`);
  const { mailbox } = full;
  const limit = new KeywordLimit(full.records, wanted.values(), job.isCautious);
  const ours = new Map([...wanted].map(([uid, record]) => [uid, limit.limited(record)]));
  const crc = new MailboxCrc();
  for (const record of full.records) crc.toggle(record);
  let since = { modseq: mailbox.highestModseq, basic: mailbox.crc, annot: String(mailbox.crcAnnot) };
  const records = full.records.filter(({ uid, isExpunged }) => wanted.has(uid) && !isExpunged);
  for (let at = 0; at === 0 || at < records.length; at += RECORDS_A_BATCH) {
    const modseq = since.modseq + 1n;
    const changed = records.slice(at, at + RECORDS_A_BATCH).map((record) => {
      const next = { ...record, ...changedFields(ours.get(record.uid), changes), modseq: String(modseq) };
      crc.toggle(record);
      crc.toggle(next);
      return next;
    });
    const keys = new Map<string, Dlist | undefined>([
      ...changes.settings,
      ['HIGHESTMODSEQ', String(modseq)],
      ['SYNC_CRC', String(crc.basic)],
      ['SYNC_CRC_ANNOT', UNCHECKED],
      ['SINCE_MODSEQ', String(since.modseq)],
      ['SINCE_CRC', String(since.basic)],
      ['SINCE_CRC_ANNOT', since.annot],
    ]);
    await job.client.apply(
      mailboxText(job.isLocal ? 'LOCAL_MAILBOX' : 'MAILBOX', mailbox.state, keys, changed),
    );
    since = { modseq, basic: crc.basic, annot: UNCHECKED };
  }
  return limit;
}

function changedFields(
  ours: SourceRecord | undefined,
  { isFlagsOnly }: Changes,
): { flags?: string; internaldate?: number; lastUpdated: number } {
  const lastUpdated = Math.floor(Date.now() / 1000);
  if (ours === undefined) return { lastUpdated };
  const { flags } = freshFields(ours);
  return isFlagsOnly ? { flags, lastUpdated } : { flags, internaldate: ours.internaldate, lastUpdated };
}
