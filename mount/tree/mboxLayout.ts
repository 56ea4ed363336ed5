/** Where each message of a mailbox lies in its mbox: worked out of the records alone, a few bytes a message. */
import { LRUCache } from 'lru-cache';
import { MBOX_END, mboxHead } from '../content/mboxText.ts';
import type { MailView } from './mailView.ts';
import type { StructureFolder } from './structure.ts';

const KEPT_BYTES = 32 * 1024 * 1024;

export interface MboxLayout {
  /** Another for another state of the mailbox. */
  readonly serial: number;
  readonly uids: Uint32Array;
  /** Where each message's From line starts, and at the end the size of it all. */
  readonly starts: Float64Array;
}

const kept = new LRUCache<string, MboxLayout>({
  maxSize: KEPT_BYTES,
  sizeCalculation: ({ uids, starts }) => uids.byteLength + starts.byteLength + 200,
});
let lastSerial = 0;

export function mboxLayout(view: MailView, folder: StructureFolder): MboxLayout {
  const { mailbox, shown } = folder;
  const reader = view.reader();
  const version = `${mailbox?.id}/${mailbox?.highestmodseq}/${mailbox?.changed}`;
  const key = `${reader.serial}/${shown}@${view.options.time() ?? 'now'}/${version}`;
  const known = kept.get(key);
  if (known !== undefined) return known;
  const uids: number[] = [];
  const starts = [0];
  let end = 0;
  for (const record of view.records(folder)) {
    end += mboxHead(record).length + record.size + MBOX_END.length;
    uids.push(record.uid);
    starts.push(end);
  }
  const layout = { serial: ++lastSerial, uids: Uint32Array.from(uids), starts: Float64Array.from(starts) };
  kept.set(key, layout);
  return layout;
}

/** Which message has the byte at an offset below the end. */
export function messageAt({ starts }: MboxLayout, offset: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if ((starts[middle] ?? Infinity) <= offset) low = middle;
    else high = middle;
  }
  return low;
}
