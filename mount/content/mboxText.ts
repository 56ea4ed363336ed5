/**
 * A message in an mbox whose size follows from the record alone, so that a mailbox of any size has its length without a look
 * at a single message (decision 30).
 *
 * Line ends are LF, as every program that reads mbox expects. What the CRs and the quoting leave of the room is filled in a header
 * field, X-Cyrus-Mbox. It begins with what is needed to get the very message back:
 *
 *   lines=crlf   each LF in the text was CRLF;   lines=lf   each was LF
 *   lines=3,1,2  three were CRLF, then one LF, then two CRLF;   lines=?   CRLF and LF in turns too many to tell
 *   end=none     the last line had no end; the LF is ours
 *   head=open    there was no empty line after the header, which is ours
 *   tight        there was no room for quotes: in quoted lines a `>` stands in place of a letter
 */
import { TEXT_FIELD, mboxFields, mboxFromLine } from '../../src/mailbox/mboxText.ts';
import type { LineEnds } from './mboxPieces.ts';

const ANY_GUID = '0'.repeat(40);
const MAX_KNOWN = 10_000;

/** For X-Cyrus-Mbox in a message without CRs, for its quotes, and for what ends it. */
const SPARE_BYTES = 128;
/** The least of that which X-Cyrus-Mbox takes, with all its marks. */
const LEAST_FIELD_BYTES = TEXT_FIELD.length + ': lines=crlf end=none head=open tight\n'.length;
/** Header lines stay short. */
const FILLER_LINE = `${'.'.repeat(76)}\n `;

interface Described {
  readonly internaldate: number;
  readonly flags: string;
  readonly guid: string;
}

/** The From line and the fields from the record. */
function mboxHead({ internaldate, flags, guid }: Described): Buffer {
  const lines = [mboxFromLine(internaldate), ...mboxFields(flags.split(' ').filter(Boolean), guid)];
  return Buffer.from(`${lines.join('\n')}\n`, 'latin1');
}

/**
 * Tells how many bytes messages take in an mbox. All but the size follows from the flags, and most messages of a mailbox have one of
 * few combinations.
 */
export function mboxBytes(): (of: { readonly flags: string; readonly size: number }) => number {
  const known = new Map<string, number>();
  return ({ flags, size }) => {
    const before = known.get(flags);
    if (before !== undefined) return before + size;
    const bytes = mboxHead({ internaldate: 0, flags, guid: ANY_GUID }).length + SPARE_BYTES;
    if (known.size < MAX_KNOWN) known.set(flags, bytes);
    return bytes + size;
  };
}

/** What reading a message through has shown of its text in an mbox. */
export interface TextFacts {
  readonly textBytes: number;
  readonly lineEnds: LineEnds;
  /** It is empty, or its last line has an end. */
  readonly isEnded: boolean;
  /** The header ends with an empty line. Else readers would take the empty line before the next message for that. */
  readonly isHeadEnded: boolean;
  readonly isTight: boolean;
}

/** What follows the text: ends for its last line and its header where they have none, and the empty line before the next message. */
export function endOfText({ isEnded, isHeadEnded }: Pick<TextFacts, 'isEnded' | 'isHeadEnded'>): Buffer {
  return Buffer.from(`${isEnded ? '' : '\n'}${isHeadEnded ? '' : '\n'}\n`);
}

/** Whether text and notes have room in a message that is `size` bytes long. */
export function hasRoom(facts: TextFacts, size: number): boolean {
  return size + SPARE_BYTES - facts.textBytes - endOfText(facts).length >= LEAST_FIELD_BYTES;
}

/** All that stands before a message's text: as many bytes as are left of the room, made when they are asked for. */
export class MboxHead {
  readonly sizeBytes: number;
  readonly #start: Buffer;

  /** `roomBytes`: of the whole message in the mbox. Where flags have become more since it was reckoned, they are left out. */
  constructor(record: Described, facts: TextFacts, roomBytes: number) {
    this.sizeBytes = roomBytes - facts.textBytes - endOfText(facts).length;
    const full = mboxHead(record);
    const hasAll = full.length + LEAST_FIELD_BYTES <= this.sizeBytes;
    const head = hasAll ? full : mboxHead({ ...record, flags: '' });
    this.#start = Buffer.concat([head, notes(facts, this.sizeBytes - head.length)]);
  }

  bytes(from: number, to: number): Buffer {
    const bytes = Buffer.alloc(to - from);
    const start = this.#start.subarray(Math.min(from, this.#start.length), to);
    start.copy(bytes);
    this.#fill(bytes, start.length, from + start.length);
    if (to === this.sizeBytes) bytes.write('\n', bytes.length - 1);
    return bytes;
  }

  /** A line with nothing in it would end the header, so none is begun within the last two bytes. */
  #fill(bytes: Buffer, at: number, from: number): void {
    if (at === bytes.length) return;
    const turnAt = (place: number): number => (place - this.#start.length) % FILLER_LINE.length;
    const turned = turnAt(from);
    bytes.fill(FILLER_LINE.slice(turned) + FILLER_LINE.slice(0, turned), at);
    const last = this.sizeBytes - 2;
    const begun = Math.max(0, turnAt(last) - FILLER_LINE.indexOf('\n') + 1);
    for (let place = last; place > last - begun; place -= 1) {
      const inBytes = place - from + at;
      if (inBytes >= at && inBytes < bytes.length) bytes.write('.', inBytes);
    }
  }
}

function notes({ lineEnds, isEnded, isHeadEnded, isTight }: TextFacts, roomBytes: number): Buffer {
  const end = `${isEnded ? '' : ' end=none'}${isHeadEnded ? '' : ' head=open'}`;
  const marks = `${end}${isTight ? ' tight' : ''}`;
  const lines = lineEnds.text(roomBytes - LEAST_FIELD_BYTES);
  const text = `${TEXT_FIELD}: lines=${lines}${marks}`;
  // The filler is a word of its own; there may be none.
  return Buffer.from(text.length + 1 < roomBytes ? `${text} ` : text);
}
