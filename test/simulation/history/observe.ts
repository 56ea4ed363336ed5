/** Prints what a backup holds, now or at a time, in the form of the model (model.ts). */
import { itemsAt } from '../../../src/index/queries/items.ts';
import { livingMailboxes, mailboxesAt } from '../../../src/index/queries/mailboxes.ts';
import { recordsOf } from '../../../src/index/queries/records.ts';
import type { IndexFile } from '../../../src/index/store/indexFile.ts';
import type { Mailbox } from '../../../src/index/types.ts';

const KINDS = ['sub', 'sieve', 'quota'] as const;

export function observed(index: IndexFile): string {
  return print(index, null, Array.from(livingMailboxes(index)));
}

export function observedAt(index: IndexFile, time: number): string {
  return print(index, time, mailboxesAt(index, time));
}

function print(index: IndexFile, time: number | null, mailboxes: readonly Mailbox[]): string {
  const lines = mailboxes.flatMap(({ id, uniqueid, name, lastUid, highestmodseq }) => [
    `mailbox ${uniqueid} ${name} ${lastUid} ${highestmodseq}`,
    ...Array.from(recordsOf(index, id, time, 'living'), ({ uid, modseq, guid, flags }) => {
      const sorted = flags.split(' ').toSorted().join(' ');
      return `record ${uniqueid} ${uid} ${modseq} ${guid} ${sorted}`;
    }),
  ]);
  const items = KINDS.flatMap((kind) =>
    itemsAt(index, kind, time).map(
      ({ key, value }) => `${kind} ${key} ${/\b9\d{7}\b/.exec(value)?.[0] ?? ''}`,
    ),
  );
  return [...lines, ...items].toSorted().join('\n');
}
