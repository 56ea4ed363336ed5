/**
 * Where each message of a mailbox lies in its mbox, worked out of the records alone. Kept is only where every so-manieth begins: where those
 * between do follows from a page of records. For a million messages that is 400 kB.
 */
import { LRUCache } from 'lru-cache';
import type { FlaggedRecord } from '../../src/index/queries.ts';
import { mboxBytes } from '../content/mboxText.ts';
import type { MailView } from './mailView.ts';
import type { StructureFolder } from './structure.ts';

const STEP = 32;
const KEPT_BYTES = 8 * 1024 * 1024;
const FIRST_ROOM = 64;

/** A message in an mbox. */
export interface PlacedMessage {
  readonly uid: number;
  /** Which one it is, from 0 on. */
  readonly number: number;
  /** From its From line to the empty line after it. */
  readonly start: number;
  readonly sizeBytes: number;
}

export interface MboxLayout {
  /** Another for another state of the mailbox. */
  readonly serial: number;
  readonly sizeBytes: number;
  /** Of every STEP-th message: its UID, and where it starts. */
  readonly uids: Uint32Array;
  readonly starts: Float64Array;
  /** Those from the one at `step` on: who reads an mbox asks for the next one next. */
  last: { readonly step: number; readonly messages: readonly PlacedMessage[] } | undefined;
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

/** Arrays that grow by doubling, because numbers in lists take several times as much. */
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

/** The message that has the byte at an offset below the end; undefined where the mailbox has just become another. */
export function messageAt(
  view: MailView,
  folder: StructureFolder,
  layout: MboxLayout,
  offset: number,
): PlacedMessage | undefined {
  const step = stepAt(layout.starts, offset);
  if (layout.last?.step !== step) layout.last = { step, messages: messagesFrom(view, folder, layout, step) };
  return layout.last.messages.find(({ start, sizeBytes }) => offset < start + sizeBytes);
}

function messagesFrom(
  view: MailView,
  folder: StructureFolder,
  { uids, starts }: MboxLayout,
  step: number,
): PlacedMessage[] {
  const bytesOf = mboxBytes();
  let start = starts[step] ?? 0;
  return view.flaggedPage(folder, (uids[step] ?? 1) - 1, STEP).map((record, at) => {
    const message = { uid: record.uid, number: step * STEP + at, start, sizeBytes: bytesOf(record) };
    start += message.sizeBytes;
    return message;
  });
}

/** The last that starts at or before an offset. */
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
