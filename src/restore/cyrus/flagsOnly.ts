/**
 * Restores flags on messages that are still there, and nothing else, for example after an
 * accidental "mark all as read". A message is the same if UIDVALIDITY, UID and GUID match.
 * Otherwise, as in a mailbox that was restored before, the GUID alone decides.
 */
import type { MailboxOutcome } from '../report/outcome.ts';
import type { SelectedMailbox } from '../select/selectedMailbox.ts';
import type { SourceRecord } from '../source.ts';
import { livingByGuid } from './addToMailbox.ts';
import { changeMailbox } from './changeMailbox.ts';
import type { CyrusJob } from './job.ts';
import { fullMailbox } from './state/serverState.ts';
import type { ServerRecord } from './state/serverState.ts';

export async function restoreFlags(
  job: CyrusJob,
  selected: SelectedMailbox,
  outcome: MailboxOutcome,
): Promise<void> {
  const full = await fullMailbox(job.client, outcome.target);
  if (full === undefined) {
    outcome.notes.push('not on the server');
    return;
  }
  const isSameUids = full.mailbox.uidvalidity === selected.mailbox.uidvalidity;
  const byUid = new Map(full.records.map((record) => [record.uid, record]));
  const byGuid = livingByGuid(full.records);
  const pairs: [SourceRecord, ServerRecord][] = [];
  for (const record of selected.records()) {
    const sameUid = isSameUids ? byUid.get(record.uid) : undefined;
    const there =
      sameUid?.guid === record.guid && !sameUid.isExpunged ? sameUid : byGuid.get(record.guid)?.[0];
    if (there === undefined) continue;
    outcome.skipped += 1;
    pairs.push([record, there]);
  }
  await changeMailbox(job, outcome, full.mailbox.name, pairs, { isFlagsOnly: true, settings: new Map() });
}
