/** Where each message of a mailbox lies in its mbox: worked out of the records alone, a few bytes a message. */
import { LRUCache } from 'lru-cache';
import type { FlaggedRecord } from '../../src/index/queries.ts';
import { MBOX_END, mboxHeadBytes } from '../content/mboxText.ts';
import type { MailView } from './mailView.ts';
import type { StructureFolder } from './structure.ts';

const KEPT_BYTES = 32 * 1024 * 1024;
const FIRST_ROOM = 1024;

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
  const layout = { serial: ++lastSerial, ...laidOut(view.flagged(folder)) };
  kept.set(key, layout);
  return layout;
}

/** Arrays that grow by doubling, because numbers in lists take several times as much. */
function laidOut(records: Iterable<FlaggedRecord>): Pick<MboxLayout, 'uids' | 'starts'> {
  let uids = new Uint32Array(FIRST_ROOM);
  let starts = new Float64Array(FIRST_ROOM);
  let count = 0;
  let end = 0;
  const headBytes = mboxHeadBytes();
  for (const record of records) {
    if (count + 1 === starts.length) {
      uids = grown(uids, new Uint32Array(2 * uids.length));
      starts = grown(starts, new Float64Array(2 * starts.length));
    }
    end += headBytes(record) + record.size + MBOX_END.length;
    uids[count] = record.uid;
    count += 1;
    starts[count] = end;
  }
  return { uids: uids.slice(0, count), starts: starts.slice(0, count + 1) };
}

function grown<T extends Uint32Array | Float64Array>(from: T, to: T): T {
  to.set(from);
  return to;
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
