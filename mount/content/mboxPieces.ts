/**
 * Splits the text of a message into pieces, in the form that it has in an mbox. Lines end with LF
 * and are quoted as src/mailbox/mboxText.ts defines. A piece normally ends after a line. If a line
 * is longer than a piece, the piece ends inside the line, but never between CR and LF. A piece can
 * be generated again from the message and the piece's start state, without the pieces before it.
 */
import { isQuoted, quoteLines, quotedLine } from '../../src/mailbox/mboxText.ts';
import type { Quoting } from '../../src/mailbox/mboxText.ts';

const LF = 0x0a;
const CR = 0x0d;
const QUOTE = 0x3e;

/** The size of a piece of a message. */
export const PIECE_BYTES = 256 * 1024;
/**
 * The number of bytes to read beyond a piece. It is larger than the longest field that is quoted.
 */
const SEEN_AHEAD_BYTES = 64;
export const WINDOW_BYTES = PIECE_BYTES + SEEN_AHEAD_BYTES;

/**
 * The maximum number of recorded alternations between CRLF and LF. The header field has no room for
 * more.
 */
const MOST_TURNS = 64;

export interface PieceStart {
  /** The piece's offset in the message. */
  readonly offset: number;
  /** The piece starts in the header, before the empty line that ends it. */
  readonly isHead: boolean;
  /** The part of the current line before the piece: nothing, only `>`, or other characters. */
  readonly line: 'start' | 'quotes' | 'inside';
}

export const FIRST_PIECE: PieceStart = { offset: 0, isHead: true, line: 'start' };

export interface Piece {
  readonly text: Buffer;
  readonly next: PieceStart;
  /** The original bytes of the message from which the piece was made. */
  readonly source: string;
}

/**
 * Makes a piece. `window` holds WINDOW_BYTES of the message from the piece's start, or fewer at the
 * message's end.
 */
export function makePiece(window: Buffer, start: PieceStart, quoting: Quoting): Piece {
  const end = pieceEnd(window);
  const source = window.toString('latin1', 0, end);
  const text = source.replaceAll('\r\n', '\n');
  const { quoted, isHead } = quoteText(text, start, quoting);
  const quotes = start.line === 'inside' ? 0 : runOfQuotes(window, end);
  const isAtStart = start.line !== 'inside' && quotes < end;
  // If the whole piece consists of `>`, it is not yet known whether the line must be quoted.
  const line = isAtStart
    ? window.toString('latin1', quotes, quotes + SEEN_AHEAD_BYTES).split('\n', 1)[0]!
    : '';
  const isFirstQuoted = isAtStart && isQuoted(line, start.isHead);
  const marked = isFirstQuoted ? quotedLine(quoted, quoting) : quoted;
  const next = { offset: start.offset + end, isHead, line: nextLine(window, end, start, quotes) };
  return { text: Buffer.from(marked, 'latin1'), next, source };
}

function nextLine(window: Buffer, end: number, start: PieceStart, quotes: number): PieceStart['line'] {
  if (window[end - 1] === LF) return 'start';
  return start.line !== 'inside' && quotes === end ? 'quotes' : 'inside';
}

function pieceEnd(window: Buffer): number {
  if (window.length < WINDOW_BYTES) return window.length;
  const lineEnd = window.lastIndexOf(LF, PIECE_BYTES - 1) + 1;
  if (lineEnd > 0) return lineEnd;
  return window[PIECE_BYTES - 1] === CR ? PIECE_BYTES - 1 : PIECE_BYTES;
}

function runOfQuotes(window: Buffer, end: number): number {
  let at = 0;
  while (at < end && window[at] === QUOTE) at += 1;
  return at;
}

function quoteText(
  text: string,
  { isHead, line }: PieceStart,
  quoting: Quoting,
): { quoted: string; isHead: boolean } {
  if (!isHead) return { quoted: quoteLines(text, false, quoting), isHead: false };
  const emptyLine = line === 'start' && text.startsWith('\n') ? 0 : text.indexOf('\n\n') + 1;
  if (emptyLine === 0 && !(line === 'start' && text.startsWith('\n'))) {
    return { quoted: quoteLines(text, true, quoting), isHead: true };
  }
  const head = quoteLines(text.slice(0, emptyLine), true, quoting);
  return { quoted: head + quoteLines(text.slice(emptyLine), false, quoting), isHead: false };
}

/** Collects the line ends of a message, piece by piece. */
export class LineEnds {
  /**
   * The numbers of consecutive lines with the same line end: CRLF, LF, CRLF and so on, alternating.
   */
  readonly #turns = [0];

  add(source: string): void {
    if (!/(?:^|[^\r])\n/.test(source)) {
      this.#count(false, source.length - source.replaceAll('\r\n', '\n').length);
      return;
    }
    for (let at = source.indexOf('\n'); at >= 0; at = source.indexOf('\n', at + 1)) {
      this.#count(source[at - 1] !== '\r', 1);
    }
  }

  /**
   * Returns the notation of the line ends in at most `roomBytes` characters. If there is too little
   * room, the result is a notation no longer than `crlf`.
   */
  text(roomBytes: number): string {
    const [crlf = 0, lf = 0] = this.#turns;
    if (this.#turns.length === 1) return 'crlf';
    if (this.#turns.length === 2 && crlf === 0 && lf > 0) return 'lf';
    const all = this.#turns.join(',');
    return this.#turns.length <= MOST_TURNS && all.length <= roomBytes ? all : '?';
  }

  #count(isBare: boolean, count: number): void {
    const isLastBare = this.#turns.length % 2 === 0;
    if (count === 0 || this.#turns.length > MOST_TURNS) return;
    if (isBare === isLastBare) this.#turns[this.#turns.length - 1]! += count;
    else this.#turns.push(count);
  }
}
