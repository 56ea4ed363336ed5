/**
 * Computes the position of each message in a mailbox's mbox from the records alone. Only the start
 * of every STEP-th message is kept. The positions in between are computed from a page of records.
 * For a million messages, this takes 400 kB of memory.
 */
import { LRUCache } from 'lru-cache';
import type { FlaggedRecord } from '../../../src/index/queries/records.ts';
import { mboxBytes } from '../../content/mboxMessage.ts';
import type { MailView } from '../views/mailView.ts';
import type { StructureFolder } from '../views/structure.ts';

const STEP = 32;
const KEPT_BYTES = 8 * 1024 * 1024;
const FIRST_ROOM = 64;

/** A message and its place in an mbox. */
export interface LocatedMessage {
  readonly uid: number;
  /** The message's position in the mailbox, counted from 0. */
  readonly number: number;
  /**
   * `start` and `sizeBytes` describe the range from the From line up to and including the empty
   * line after the message.
   */
  readonly start: number;
  readonly sizeBytes: number;
}

export interface MboxLayout {
  /** A number that is different for each state of the mailbox. */
  readonly serial: number;
  readonly sizeBytes: number;
  /** The UID and the start of every STEP-th message. */
  readonly uids: Uint32Array;
  readonly starts: Float64Array;
  /**
   * The messages of the most recently used step. They are cached because an mbox is usually read in
   * order.
   */
  last: { readonly step: number; readonly messages: readonly LocatedMessage[] } | undefined;
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
  const layout = { serial: ++lastSerial, last: undefined, ...laidOut(view.flagged(folder)) };
  kept.set(key, layout);
  return layout;
}

/**
 * Computes the layout. The arrays are typed and double in size when they are full. Plain arrays of
 * numbers would take several times as much memory.
 */
function laidOut(records: Iterable<FlaggedRecord>): Pick<MboxLayout, 'sizeBytes' | 'uids' | 'starts'> {
  let uids = new Uint32Array(FIRST_ROOM);
  let starts = new Float64Array(FIRST_ROOM);
  let count = 0;
  let sizeBytes = 0;
  const bytesOf = mboxBytes();
  for (const record of records) {
    if (count % STEP === 0) {
      const step = count / STEP;
      if (step === starts.length) {
        uids = grown(uids, new Uint32Array(2 * uids.length));
        starts = grown(starts, new Float64Array(2 * starts.length));
      }
      uids[step] = record.uid;
      starts[step] = sizeBytes;
    }
    sizeBytes += bytesOf(record);
    count += 1;
  }
  const steps = Math.ceil(count / STEP);
  return { sizeBytes, uids: uids.slice(0, steps), starts: starts.slice(0, steps) };
}

function grown<T extends Uint32Array | Float64Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

/**
 * Returns the message that contains the byte at `offset`, which must be below the mbox's size.
 * Returns undefined if the mailbox has just changed.
 */
export function messageAt(
  view: MailView,
  folder: StructureFolder,
  layout: MboxLayout,
  offset: number,
): LocatedMessage | undefined {
  const step = stepAt(layout.starts, offset);
  if (layout.last?.step !== step) layout.last = { step, messages: messagesFrom(view, folder, layout, step) };
  return layout.last.messages.find(({ start, sizeBytes }) => offset < start + sizeBytes);
}

function messagesFrom(
  view: MailView,
  folder: StructureFolder,
  { uids, starts }: MboxLayout,
  step: number,
): LocatedMessage[] {
  const bytesOf = mboxBytes();
  let start = starts[step] ?? 0;
  return view.flaggedPage(folder, (uids[step] ?? 1) - 1, STEP).map((record, at) => {
    const message = { uid: record.uid, number: step * STEP + at, start, sizeBytes: bytesOf(record) };
    start += message.sizeBytes;
    return message;
  });
}

/** Returns the last step that starts at or before an offset. */
function stepAt(starts: Float64Array, offset: number): number {
  let low = 0;
  let high = starts.length;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if ((starts[middle] ?? Infinity) <= offset) low = middle;
    else high = middle;
  }
  return low;
}
