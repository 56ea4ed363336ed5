/**
 * A message in the mbox form that restore writes:
 * - a From line
 * - LF line ends
 * - flags and the GUID as the last fields of the header
 * - quoted From lines (see mboxText.ts)
 * - an empty line at the end
 *
 * It is written in pieces, so that a message of any size needs little memory.
 */
import { splitFlags } from '../../../mailbox/maildirText.ts';
import { mboxFields, mboxFromLine, quoteLines } from '../../../mailbox/mboxText.ts';
import type { Loss, OutgoingMessage } from '../format.ts';

/** Unix seconds: a From line cannot hold this date or a later one. */
const YEAR_10000 = 253_402_300_800;
/** A line longer than this is split into several pieces. */
const LINE_BYTES = 1 << 20;

export interface TextPiece {
  /** latin1, with LF line ends. */
  readonly text: string;
  readonly startsLine: boolean;
}

/** Converts bytes to text, cut between lines. CR LF becomes LF. */
export function* textPieces(pieces: Iterable<Buffer>): Generator<TextPiece> {
  let startsLine = true;
  let rest = '';
  const piece = (text: string): TextPiece => {
    const made = { text: text.replaceAll('\r\n', '\n'), startsLine };
    startsLine = text.endsWith('\n');
    return made;
  };
  for (const bytes of pieces) {
    const text = rest + bytes.toString('latin1');
    const linesEnd = text.lastIndexOf('\n') + 1;
    // A CR at the end may be half of a line end.
    const end = text.length - linesEnd > LINE_BYTES ? text.length - (text.endsWith('\r') ? 1 : 0) : linesEnd;
    rest = text.slice(end);
    if (end > 0) yield piece(text.slice(0, end));
  }
  if (rest !== '') yield piece(rest);
}

export function* mboxMessage({ record, flags, pieces }: OutgoingMessage): Generator<Buffer> {
  const fields = `${mboxFields(flags, record.guid).join('\n')}\n`;
  yield Buffer.from(`${mboxFromLine(record.internaldate)}\n`, 'latin1');
  let isHead = true;
  let last = '\n';
  for (const { text, startsLine } of textPieces(pieces())) {
    let start = '';
    let rest = text;
    if (isHead) {
      const end = headEnd(text, startsLine);
      if (end !== undefined) {
        isHead = false;
        start = quoted(text.slice(0, end), startsLine, true) + fields;
        rest = text.slice(end);
      }
    }
    yield Buffer.from(start + quoted(rest, start !== '' || startsLine, isHead), 'latin1');
    last = text.slice(-1);
  }
  if (isHead) yield Buffer.from(`${last === '\n' ? '' : '\n'}${fields}\n`, 'latin1');
  else yield Buffer.from(last === '\n' ? '\n' : '\n\n');
}

/**
 * Returns the offset of the empty line after the header; undefined if this piece does not contain
 * it.
 */
function headEnd(text: string, startsLine: boolean): number | undefined {
  if (startsLine && text.startsWith('\n')) return 0;
  const at = text.indexOf('\n\n');
  return at === -1 ? undefined : at + 1;
}

/** quoteLines expects a line end before each line that it quotes. */
function quoted(text: string, startsLine: boolean, isHead: boolean): string {
  return startsLine ? quoteLines(`\n${text}`, isHead).slice(1) : quoteLines(text, isHead);
}

/** Returns what an mbox cannot hold of a message. */
export function leftOffMbox({ record, flags }: Pick<OutgoingMessage, 'record' | 'flags'>): Loss[] {
  const left = splitFlags(flags).unknown.map((flag): Loss => ({
    what: `flag ${flag}`,
    why: 'mbox has no letter for it',
  }));
  if (record.internaldate >= 0 && record.internaldate < YEAR_10000) return left;
  return [...left, { what: `date ${record.internaldate} s since 1970`, why: 'a From line cannot hold it' }];
}
