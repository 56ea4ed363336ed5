/**
 * The rules of mbox text, for all that writes it: the From line, flags as header fields, and what is quoted in a message.
 *
 * A line that begins with `From `, after any number of `>`, gets one more `>` (mboxrd). In the message's header the same goes for
 * the fields that readers of mbox take for notes of the mail program, or for the length of the message: `>Status:`.
 * Removing one `>` from each such line gives the message back.
 */
import { splitFlags } from './maildirText.ts';

export const GUID_FIELD = 'X-Cyrus-GUID';
/** In the mount's mbox files: what the line ends of the message were (decision 30). */
export const TEXT_FIELD = 'X-Cyrus-Mbox';

/** Readers of the From line take years of four digits only, and some none before 1970. */
const [FIRST_SECOND, LAST_SECOND] = [0, 253_402_300_799];

/** Without its line end; always 45 characters. In asctime's form and UTC, which readers expect. */
export function mboxFromLine(internaldate: number): string {
  const seconds = Math.min(LAST_SECOND, Math.max(FIRST_SECOND, internaldate));
  const [day, date, month, year, time] = new Date(seconds * 1000).toUTCString().split(/,? /);
  return `From MAILER-DAEMON ${day} ${month} ${date?.replace(/^0/, ' ')} ${time} ${year}`;
}

/** Header fields, without their line ends. */
export function mboxFields(flags: readonly string[], guid: string): string[] {
  const { letters, keywords } = splitFlags(flags);
  const has = (letter: string): boolean => letters.includes(letter);
  const xStatus = [has('R') ? 'A' : '', has('F') ? 'F' : '', has('D') ? 'T' : '', has('T') ? 'D' : ''].join(
    '',
  );
  const others = [...(has('P') ? ['$Forwarded'] : []), ...keywords];
  return [
    `Status: ${has('S') ? 'R' : ''}O`,
    ...(xStatus === '' ? [] : [`X-Status: ${xStatus}`]),
    ...(others.length === 0 ? [] : [`X-Keywords: ${others.join(' ')}`]),
    `${GUID_FIELD}: ${guid}`,
  ];
}

/** What readers of mbox believe of a message, and what we write ourselves. */
const RESERVED_FIELDS = [
  'Status',
  'X-Status',
  'X-Keywords',
  'Content-Length',
  'X-UID',
  'X-IMAP',
  'X-IMAPbase',
  'X-Mozilla-Status',
  'X-Mozilla-Status2',
  'X-Mozilla-Keys',
  GUID_FIELD,
  TEXT_FIELD,
];
const FROM = 'From ';
const fields = `(?:${RESERVED_FIELDS.join('|')})[ \\t]*:`;
const FROM_LINES = /\n>*From /g;
const FIELD_LINES = new RegExp(`\\n>*${fields}`, 'gi');
const FIRST_FROM_LINE = /^>*From /;
const FIRST_FIELD_LINE = new RegExp(`^>*${fields}`, 'i');

/** How a line is quoted: with one more `>`, or, where there is no room for it, with the `>` in place of a letter. */
export type Quoting = 'inserted' | 'overwritten';

/** Quotes all lines but the first in a text whose lines end with LF; `isHead`: they are the message's header. */
export function quoteLines(text: string, isHead: boolean, quoting: Quoting = 'inserted'): string {
  const quote = (line: string): string => `\n${quotedLine(line.slice(1), quoting)}`;
  const quoted = text.includes(FROM) ? text.replace(FROM_LINES, quote) : text;
  return isHead ? quoted.replace(FIELD_LINES, quote) : quoted;
}

export function isQuoted(line: string, isHead: boolean): boolean {
  return FIRST_FROM_LINE.test(line) || (isHead && FIRST_FIELD_LINE.test(line));
}

export function quotedLine(line: string, quoting: Quoting): string {
  return quoting === 'inserted' ? `>${line}` : line.replace(/[^>]/, '>');
}
