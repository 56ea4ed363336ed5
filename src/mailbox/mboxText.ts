/**
 * The rules of mbox text, for all code that writes mbox: the From line, flags as header fields, and
 * the quoting of lines in a message.
 *
 * A line that begins with `From `, after any number of `>`, gets one more `>` (mboxrd). In a
 * message's header the same rule applies to fields such as `Status:`, which becomes `>Status:`.
 * Readers of mbox would take such fields for notes of the mail program, or for the message's
 * length. Removing one `>` from each such line restores the message.
 */
import { splitFlags } from './maildirText.ts';

export const GUID_FIELD = 'X-Cyrus-GUID';
/**
 * A header field in the mount's mbox files. It states the form of the message's original line ends
 * (decision 30).
 */
export const TEXT_FIELD = 'X-Cyrus-Mbox';

/**
 * The range of years in a From line. Readers accept only years of four digits, and some accept none
 * before 1970.
 */
const [FIRST_SECOND, LAST_SECOND] = [0, 253_402_300_799];

/**
 * Returns the From line without its line end, always 45 characters. Uses asctime's form and UTC,
 * which readers expect.
 */
export function mboxFromLine(internaldate: number): string {
  const seconds = Math.min(LAST_SECOND, Math.max(FIRST_SECOND, internaldate));
  const [day, date, month, year, time] = new Date(seconds * 1000).toUTCString().split(/,? /);
  return `From MAILER-DAEMON ${day} ${month} ${date?.replace(/^0/, ' ')} ${time} ${year}`;
}

/** Returns the header fields, without their line ends. */
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

/** Fields that readers of mbox interpret, and those that we write ourselves. */
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
const QUOTED_FROM_LINES = /^>(?=>*From )/gm;
const QUOTED_LINES = new RegExp(`^>(?=>*(?:From |${fields}))`, 'gim');
const FIRST_FROM_LINE = /^>*From /;
const FIRST_FIELD_LINE = new RegExp(`^>*${fields}`, 'i');

/**
 * The two ways to quote a line: insert one more `>`, or, if there is no room for that, replace a
 * letter with `>`.
 */
export type Quoting = 'inserted' | 'overwritten';

/**
 * Quotes all lines but the first in a text whose lines end with LF. Set `isHead` if they are the
 * message's header.
 */
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

/** Removes one `>` from each line into which quoteLines inserted one, including the first line. */
export function unquoteLines(text: string, isHead: boolean): string {
  return text.replace(isHead ? QUOTED_LINES : QUOTED_FROM_LINES, '');
}
