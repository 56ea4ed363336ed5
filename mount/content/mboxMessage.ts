/**
 * A message in an mbox. Its size in the mbox depends on the record alone, so the size of an mbox is
 * known without reading any message (decision 30).
 *
 * The lines of the text end with LF, as every program that reads mbox expects. The size leaves room
 * for quoting and for added line ends. The header field X-Cyrus-Mbox fills the room that is left.
 * The field begins with the notes that are needed to restore the exact message:
 *
 * - `lines=crlf`: every line of the message ended with CRLF.
 * - `lines=lf`: every line ended with LF.
 * - `lines=3,1,2`: three lines ended with CRLF, then one with LF, then two with CRLF.
 * - `lines=?`: CRLF and LF alternated too often to record.
 * - `end=none`: the last line had no line end; an LF was added.
 * - `head=open`: the header did not end with an empty line; one was added.
 * - `tight`: there was no room for quotes, so in quoted lines a `>` replaces a letter.
 */
import { TEXT_FIELD, mboxFields, mboxFromLine } from '../../src/mailbox/mboxText.ts';
import type { LineEnds } from './mboxPieces.ts';

const ANY_GUID = '0'.repeat(40);
const MAX_KNOWN = 10_000;

/**
 * Bytes added to the size of each message. They are the room for X-Cyrus-Mbox in a message without
 * CRs, for quotes, and for missing line ends.
 */
const SPARE_BYTES = 128;
/** The length of X-Cyrus-Mbox with all its notes and no filler. */
const LEAST_FIELD_BYTES = TEXT_FIELD.length + ': lines=crlf end=none head=open tight\n'.length;
/** One line of filler. The field is folded into such lines, which keeps header lines short. */
const FILLER_LINE = `${'.'.repeat(76)}\n `;

interface Described {
  readonly internaldate: number;
  readonly flags: string;
  readonly guid: string;
}

/** Returns the From line and the header fields that are derived from the record. */
function mboxHead({ internaldate, flags, guid }: Described): Buffer {
  const lines = [mboxFromLine(internaldate), ...mboxFields(flags.split(' ').filter(Boolean), guid)];
  return Buffer.from(`${lines.join('\n')}\n`, 'latin1');
}

/**
 * Returns a function that computes the size of a message in an mbox. The size of the added fields
 * depends only on the flags. Most messages of a mailbox share a few flag combinations, so the
 * function caches this size.
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

/** Facts about a message's text in an mbox. They are found by reading the whole text. */
export interface TextFacts {
  readonly textBytes: number;
  readonly lineEnds: LineEnds;
  /** The text is empty or its last line has a line end. */
  readonly isEnded: boolean;
  /**
   * The header ends with an empty line. Otherwise, a reader would mistake the empty line before the
   * next message for the end of the header.
   */
  readonly isHeadEnded: boolean;
  readonly isTight: boolean;
}

/**
 * Returns the bytes that follow the text:
 *
 * - the end of its last line, if it is missing;
 * - the end of its header, if it is missing;
 * - the empty line before the next message.
 */
export function endOfText({ isEnded, isHeadEnded }: Pick<TextFacts, 'isEnded' | 'isHeadEnded'>): Buffer {
  return Buffer.from(`${isEnded ? '' : '\n'}${isHeadEnded ? '' : '\n'}\n`);
}

/** Reports whether the text and its notes fit into a message of `size` bytes in the mbox. */
export function hasRoom(facts: TextFacts, size: number): boolean {
  return size + SPARE_BYTES - facts.textBytes - endOfText(facts).length >= LEAST_FIELD_BYTES;
}

/**
 * Everything before a message's text in the mbox. The filler in the head brings the message to its
 * computed size. The bytes are generated on demand.
 */
export class MboxHead {
  readonly sizeBytes: number;
  readonly #start: Buffer;

  /**
   * `roomBytes` is the size of the whole message in the mbox. The flags are left out if they no
   * longer fit, because some were added after the size was computed.
   */
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

  /**
   * Writes the filler. No line begins within the last two bytes, because an empty line would end
   * the header.
   */
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
  // The filler is a separate word of the field, and may be absent.
  return Buffer.from(text.length + 1 < roomBytes ? `${text} ` : text);
}
