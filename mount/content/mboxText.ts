/**
 * A message in an mbox whose size follows from the record alone, so that a mailbox of any size has its length without a
 * look at a single message.
 *
 * Line ends stay CRLF. A line that would be taken for the start of the next message gets a `>` in front (mboxrd), and for
 * that the CR of the line end before it goes: as many bytes as before. The head is the From line and flags as header
 * fields. A bare LF in front of `From `, which no Cyrus server accepts in a message, leaves no room and stays as it is.
 */
import { mboxFields, mboxFromLine } from '../../src/mailbox/mboxText.ts';

const LF = 0x0a;
const QUOTE = 0x3e;
const FROM = Buffer.from('From ');
const CRLF_BYTES = 2;
/** Between these (unix seconds) all From lines are of one length. */
const [YEAR_1000, YEAR_10000] = [-30_610_224_000, 253_402_300_800];
const ANY_GUID = '0'.repeat(40);
const MAX_KNOWN = 10_000;

/** An empty line behind each message. */
export const MBOX_END = Buffer.from('\r\n');

interface Described {
  readonly internaldate: number;
  readonly flags: string;
  readonly guid: string;
}

export function mboxHead({ internaldate, flags, guid }: Described): Buffer {
  const lines = [mboxFromLine(internaldate), ...mboxFields(flags.split(' ').filter(Boolean), guid)];
  return Buffer.from(`${lines.join('\r\n')}\r\n`, 'latin1');
}

/** Tells how long heads are, which follows from the flags; most messages of a mailbox have one of few combinations. */
export function mboxHeadBytes(): (of: Pick<Described, 'internaldate' | 'flags'>) => number {
  const known = new Map<string, number>();
  return ({ internaldate, flags }) => {
    const isUsual = internaldate >= YEAR_1000 && internaldate < YEAR_10000;
    const before = isUsual ? known.get(flags) : undefined;
    if (before !== undefined) return before;
    const bytes = mboxHead({ internaldate, flags, guid: ANY_GUID }).length;
    if (isUsual && known.size < MAX_KNOWN) known.set(flags, bytes);
    return bytes;
  };
}

/** A head in the room of another, for flags that changed since the room was taken: cut, or filled with spaces. */
export function fitHead(head: Buffer, sizeBytes: number): Buffer {
  if (head.length === sizeBytes) return head;
  const fitted = Buffer.alloc(sizeBytes, ' ');
  head.copy(fitted, 0, 0, Math.min(head.length, sizeBytes) - CRLF_BYTES);
  MBOX_END.copy(fitted, sizeBytes - CRLF_BYTES);
  return fitted;
}

/** Quotes of quotes of quotes are seen so far; and so many bytes must be known behind what is quoted, and two before it. */
export const LOOK_AHEAD_BYTES = 64;
export const LOOK_BACK_BYTES = CRLF_BYTES;

/** Quotes in place. What is within LOOK_AHEAD_BYTES of the end is right only where the message ends there. */
export function quoteFromLines(text: Buffer): void {
  let at = text.indexOf('\r\n', 0, 'latin1');
  for (; at >= 0; at = text.indexOf('\r\n', at + CRLF_BYTES, 'latin1')) {
    let start = at + CRLF_BYTES;
    while (text[start] === QUOTE) start += 1;
    if (!text.subarray(start, start + FROM.length).equals(FROM)) continue;
    text[at] = LF;
    text[at + 1] = QUOTE;
  }
}
