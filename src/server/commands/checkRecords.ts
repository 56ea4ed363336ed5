/** Checks the records of a MAILBOX command before it is stored. */
import type { Backup } from '../../backup/backup.ts';
import { requireStorableFlags } from '../../index/fold/record.ts';
import { hasMessage } from '../../index/queries/messages.ts';
import { getString, toKeyValues } from '../../protocol/dlist.ts';
import type { Dlist } from '../../protocol/dlist.ts';
import type { CommandContext } from './context.ts';
import { MOST_STATE_BYTES, requireKeepable } from './keepable.ts';

/** After this many records or GUIDs (half a millisecond), other sessions may run. */
export const CHECKED_A_STEP = 128;

interface CheckedRecords {
  /** GUIDs that the backup lacks. */
  readonly lacking: Set<string>;
  /** LAST_UPDATED of the newest record with a higher modseq than the backup knew. */
  readonly newestChange: number | undefined;
}

/** Throws 'bad-parameters' or 'limit' if a record cannot be stored unchanged. */
export async function checkRecords(
  { turn }: CommandContext,
  { index }: Backup,
  { recordList, knownModseq }: { readonly recordList: readonly Dlist[]; readonly knownModseq: number },
): Promise<CheckedRecords> {
  const lacking = new Set<string>();
  let newestChange: number | undefined;
  for (const [count, item] of recordList.entries()) {
    if (count % CHECKED_A_STEP === 0) await turn();
    const record = toKeyValues(item, 'RECORD');
    requireKeepable(record.flat, MOST_STATE_BYTES, 'RECORD');
    requireStorableFlags(record);
    const guid = getString(record, 'GUID');
    if (!hasMessage(index, guid)) lacking.add(guid);
    if (Number(record.get('MODSEQ')) <= knownModseq) continue;
    const updated = Number(record.get('LAST_UPDATED'));
    if (updated > (newestChange ?? 0)) newestChange = updated;
  }
  return { lacking, newestChange };
}
