/**
 * A message in an mbox. Its size follows from the record alone, so the size of an mbox is known
 * without reading any message (decision 30).
 *
 * Line ends are LF, as every program that reads mbox expects. This and the quoting leave some of
 * the room unused. A header field, X-Cyrus-Mbox, fills it. The field begins with what is needed to
 * restore the exact message:
 *
 * - `lines=crlf`: each LF in the text was CRLF.
 * - `lines=lf`: each LF was LF.
 * - `lines=3,1,2`: three were CRLF, then one LF, then two CRLF.
 * - `lines=?`: CRLF and LF alternated too often to record.
 * - `end=none`: the last line had no end; its LF was added.
 * - `head=open`: there was no empty line after the header; it was added.
 * - `tight`: there was no room for quotes; in quoted lines a `>` replaces a letter.
 */
import { TEXT_FIELD, mboxFields, mboxFromLine } from '../../src/mailbox/mboxText.ts';
import type { LineEnds } from './mboxPieces.ts';

const ANY_GUID = '0'.repeat(40);
const MAX_KNOWN = 10_000;

/** Room for X-Cyrus-Mbox in a message without CRs, for quotes, and for the message's end. */
const SPARE_BYTES = 128;
/** The minimum length of X-Cyrus-Mbox with all its marks. */
const LEAST_FIELD_BYTES = TEXT_FIELD.length + ': lines=crlf end=none head=open tight\n'.length;
/** Keeps header lines short. */
const FILLER_LINE = `${'.'.repeat(76)}\n `;

interface Described {
  readonly internaldate: number;
  readonly flags: string;
  readonly guid: string;
}

/** Returns the From line and the fields made from the record. */
function mboxHead({ internaldate, flags, guid }: Described): Buffer {
  const lines = [mboxFromLine(internaldate), ...mboxFields(flags.split(' ').filter(Boolean), guid)];
  return Buffer.from(`${lines.join('\n')}\n`, 'latin1');
}

/**
 * Returns a function that computes the size of messages in an mbox. The overhead depends only on
 * the flags, and most messages of a mailbox have one of a few combinations.
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

/** Facts about a message's text in an mbox, found by reading it through. */
export interface TextFacts {
  readonly textBytes: number;
  readonly lineEnds: LineEnds;
  /** The text is empty or its last line has a line end. */
  readonly isEnded: boolean;
  /**
   * The header ends with an empty line. Without one, readers would take the empty line before the
   * next message for it.
   */
  readonly isHeadEnded: boolean;
  readonly isTight: boolean;
}

/**
 * Returns the bytes after the text: any missing end of its last line and header, and the empty line
 * before the next message.
 */
export function endOfText({ isEnded, isHeadEnded }: Pick<TextFacts, 'isEnded' | 'isHeadEnded'>): Buffer {
  return Buffer.from(`${isEnded ? '' : '\n'}${isHeadEnded ? '' : '\n'}\n`);
}

/** Reports whether text and notes fit into the room of a message that is `size` bytes long. */
export function hasRoom(facts: TextFacts, size: number): boolean {
  return size + SPARE_BYTES - facts.textBytes - endOfText(facts).length >= LEAST_FIELD_BYTES;
}

/**
 * Everything before a message's text. It fills the rest of the room, and its bytes are made on
 * demand.
 */
export class MboxHead {
  readonly sizeBytes: number;
  readonly #start: Buffer;

  /**
   * `roomBytes` is the size of the whole message in the mbox. If the flags no longer fit, because
   * some were added since that was computed, they are left out.
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

  /** An empty line would end the header, so no line begins within the last two bytes. */
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
  // The filler is a separate word and may be absent.
  return Buffer.from(text.length + 1 < roomBytes ? `${text} ` : text);
}
