/**
 * Decodes an mbox of the mount to the original messages. It follows docs/guide/mount.md and shares no
 * code with the writer. Also holds messages that are traps for it.
 */
import { guidOf } from './backups.ts';

const OURS = /^(?:Status|X-Status|X-Keywords|X-Cyrus-GUID|X-Cyrus-Mbox): /;
const QUOTED_FIELD =
  /^>+(?:Status|X-Status|X-Keywords|Content-Length|X-UID|X-IMAP|X-IMAPbase|X-Mozilla-Status2?|X-Mozilla-Keys|X-Cyrus-GUID|X-Cyrus-Mbox)[ \t]*:/i;

export interface TakenBack {
  readonly guid: string;
  readonly bytes: Buffer;
}

/**
 * Splits an mbox into messages, each from its From line to the next one: latin1, with the empty
 * line at the end.
 */
export function splitMbox(mbox: Buffer): string[] {
  return mbox.toString('latin1').split(/(?<=\n\n|^)(?=From MAILER-DAEMON )/);
}

/**
 * Decodes one message. `text` begins with the From line or with the fields after it. `hasSeparator`
 * says that it ends with the empty line.
 */
export function takeBack(text: string, hasSeparator = true): TakenBack {
  const lines = text.split('\n');
  if (lines[0]?.startsWith('From ') === true) lines.shift();
  let guid = '';
  let notes = '';
  while (OURS.test(lines[0] ?? '')) {
    const line = lines.shift() ?? '';
    if (line.startsWith('X-Cyrus-GUID: ')) guid = line.slice(14);
    if (!line.startsWith('X-Cyrus-Mbox: ')) continue;
    notes = line;
    while (lines[0]?.startsWith(' .') === true) lines.shift();
  }
  let body = lines.join('\n');
  if (hasSeparator) body = body.replace(/\n$/, '');
  if (notes.includes(' head=open')) body = body.replace(/\n$/, '');
  if (notes.includes(' end=none')) body = body.replace(/\n$/, '');
  let isHead = true;
  const plain = body.split('\n').map((line) => {
    const isQuoted = /^>+From /.test(line) || (isHead && QUOTED_FIELD.test(line));
    if (line === '') isHead = false;
    return isQuoted ? line.slice(1) : line;
  });
  return { guid, bytes: Buffer.from(withLineEnds(plain, / lines=(\S+)/.exec(notes)?.[1] ?? ''), 'latin1') };
}

function withLineEnds(lines: readonly string[], ends: string): string {
  if (ends === 'crlf') return lines.join('\r\n');
  if (ends === 'lf') return lines.join('\n');
  const each = ends
    .split(',')
    .flatMap((count, turn) => Array<string>(Number(count)).fill(turn % 2 === 0 ? '\r\n' : '\n'));
  return lines.map((line, at) => line + (each[at] ?? '')).join('');
}

const head = (subject: string, ...more: string[]): string =>
  ['From: Carl <carl@example.com>', 'To: anne@example.com', `Subject: ${subject}`, ...more, '', ''].join(
    '\r\n',
  );

const depths = Array.from({ length: 6 }, (_, depth) => `${'>'.repeat(depth)}From depth ${depth}\r\n`).join(
  '',
);

/**
 * Messages by what is odd about each. Each has that as its subject, except those without a header.
 */
export const oddMessages: ReadonlyMap<string, Buffer> = new Map(
  Object.entries({
    plain: `${head('plain')}Hello.\r\n`,
    'From lines at every depth': `${head('From lines at every depth')}${depths}\r\n${depths}`,
    'From line first': `${head('From line first')}From the start\r\nFrom a@b Tue Nov 14 22:13:20 2023\r\n`,
    'own notes': `${head(
      'own notes',
      'Status: RO',
      'X-Status: AFDT',
      'X-Keywords: Theirs',
      'Content-Length: 3',
      '>Status: quoted before',
      'X-UID: 7',
      'X-IMAPbase: 1 2',
      `X-Cyrus-GUID: ${'0'.repeat(40)}`,
      'X-Cyrus-Mbox: lines=lf',
    )}Status: in the body\r\nFrom there\r\nContent-Length: 0\r\n`,
    'field with a space': `${head('field with a space', 'status : RO')}x\r\n`,
    'no end of the last line': `${head('no end of the last line')}From the last`,
    'empty lines at the end': `${head('empty lines at the end')}x\r\n\r\n\r\n\r\n`,
    'header only': head('header only').replace(/\r\n$/, ''),
    'header without any end': 'Subject: header without any end',
    'no header': '\r\nNothing but a body.\r\n\r\nFrom it\r\n',
    'no header and no empty line': 'just text: no\r\nFrom here\r\n',
    empty: '',
    'one line end': '\r\n',
    'bare LF': head('bare LF').replaceAll('\r', '') + depths.replaceAll('\r', ''),
    'bare LF among CRLF': `${head('bare LF among CRLF')}a\nb\r\nc\n\nFrom d\r\n\nFrom e\n`,
    'bare CR': `${head('bare CR')}a\rFrom b\r\n\rFrom c\r\r\nFrom d\r`,
    NUL: `${head('NUL')}a\0b\r\n\0\0\r\nFrom \0\r\n`,
    '8-bit': `${head('8-bit')}\xe9\xff\x80\r\n\xffFrom \xe9\r\n\u0080\r\n`,
    'long line': `${head('long line')}${'x'.repeat(1 << 20)}\r\nFrom x\r\n${'y'.repeat(1 << 20)}`,
    'long line of quotes': `${head('long line of quotes')}${'>'.repeat(300_000)}From x\r\n${'>'.repeat(262_140)}From\r\n`,
    'long header': `${head('long header').slice(0, -2)}${'X-Long: a\r\n\tb\r\nStatus: no\r\n'.repeat(20_000)}\r\nFrom x\r\nStatus: body\r\n`,
    'long, of many lines': head('long, of many lines') + 'From x\r\n\r\n'.repeat(60_000),
  }).map(([name, text]) => [name, Buffer.from(text, 'latin1')]),
);

/**
 * Messages that some programs do not preserve. NUL ends strings in C. Some programs end the header
 * at a line that is no field, and then add the empty line. Others correct the space.
 */
const WILD = new Set(['NUL', 'no header and no empty line', 'field with a space']);
export const tameMessages = new Map([...oddMessages].filter(([name]) => !WILD.has(name)));

const NOTES = /^(?:From |Status:|X-Status:|X-Keywords:|X-Cyrus-GUID:|Lines:|Content-Length:|Delivered-To:)/i;
const MOST_LINE_ENDS = 5;

/**
 * Decodes a message that a program has extracted from an mbox. Drops the header fields that the
 * program has added, and tries how many empty lines at the end make the message match its GUID.
 * `hasFromQuotes` says that the program leaves the quotes in place.
 */
export function takeBackFrom(output: string, hasFromQuotes = true): TakenBack {
  const guid = /^X-Cyrus-GUID: (\S+)$/m.exec(output)?.[1] ?? '';
  const field = /^X-Cyrus-Mbox: .*\n(?: \.*\n)*/m.exec(output)?.[0] ?? '';
  const lines = output.replace(field, '').split('\n');
  const headLines = lines.indexOf('');
  const own = lines.filter((line, at) => at > headLines || !NOTES.test(line));
  const quoted = hasFromQuotes ? own : own.map((line) => line.replace(/^(?=>*From )/, '>'));
  const text = quoted.join('\n').replace(/\n*$/, '');
  const ours = `X-Cyrus-GUID: ${guid}\n${field.replace(/ head=open| end=none/g, '')}`;
  for (let ends = 0; ends < MOST_LINE_ENDS; ends += 1) {
    const taken = takeBack(ours + text + '\n'.repeat(ends), false);
    if (guidOf(taken.bytes) === guid) return taken;
  }
  return takeBack(ours + text, false);
}

export const oddGuids = [...oddMessages.values()].map(guidOf);
