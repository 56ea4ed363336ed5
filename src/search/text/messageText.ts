/**
 * The searchable text of a message, by field: decoded headers, and the text of every part that is
 * text, forwarded messages and attachments' names included.
 */
import { decodeText } from './charset.ts';
import { decodeHeader } from './encodedWords.ts';
import { htmlText } from './html.ts';
import { walkParts } from './mime.ts';
import type { HeaderField, Part } from './mime.ts';

/** The fields that a query can name. */
export const FIELDS = ['from', 'to', 'cc', 'subject', 'list', 'filename', 'body'] as const;
export type Field = (typeof FIELDS)[number];

export interface MessageText {
  /** Each field's texts: one a header or part. Phrases do not reach from one into the next. */
  readonly fields: Readonly<Record<Field, readonly string[]>>;
  /** The values of Message-ID, without angle brackets. */
  readonly messageIds: readonly string[];
  readonly hasAttachment: boolean;
  /** True if a limit left something out. */
  readonly isCut: boolean;
}

/** Decoded text of one message beyond this is left out. */
const LONGEST_TEXT = 16 << 20;

const FIELD_OF: Readonly<Record<string, Field>> = {
  from: 'from',
  sender: 'from',
  'reply-to': 'from',
  to: 'to',
  cc: 'cc',
  bcc: 'cc',
  subject: 'subject',
  'list-id': 'list',
  'list-post': 'list',
};

/** Extracts the text. Never throws on malformed mail. */
export function messageText(message: Buffer): MessageText {
  const fields: Record<Field, string[]> = {
    from: [],
    to: [],
    cc: [],
    subject: [],
    list: [],
    filename: [],
    body: [],
  };
  const messageIds: string[] = [];
  let room = LONGEST_TEXT;
  let hasAttachment = false;
  let isOver = false;
  const addBody = (text: string): void => {
    if (text.length > room) isOver = true;
    fields.body.push(text.slice(0, room));
    room -= Math.min(room, text.length);
  };
  const isCut = walkParts(message, (part) => {
    if (part.isMessage) {
      const isOuter = part.depth === 0;
      for (const field of part.fields) addHeader(field, isOuter, { fields, messageIds, addBody });
    }
    const filename = part.disposition.parameters.get('filename') ?? part.type.parameters.get('name');
    if (filename !== undefined && filename !== '') fields.filename.push(filename);
    if (part.disposition.value === 'attachment' || filename !== undefined) hasAttachment = true;
    if (part.type.value.startsWith('text/')) addBody(partText(part));
  });
  return { fields, messageIds, hasAttachment, isCut: isCut || isOver };
}

interface Target {
  readonly fields: Record<Field, string[]>;
  readonly messageIds: string[];
  readonly addBody: (text: string) => void;
}

/** The headers of a forwarded message are text of the message that forwards it. */
function addHeader({ name, value }: HeaderField, isOuter: boolean, target: Target): void {
  if (name === 'message-id' && isOuter) {
    for (const [, id = ''] of value.matchAll(/<?([^<>\s]+)>?/g)) target.messageIds.push(id);
    return;
  }
  const field = FIELD_OF[name];
  if (field === undefined) return;
  const text = decodeHeader(value);
  if (isOuter) target.fields[field].push(text);
  else if (field !== 'list') target.addBody(text);
}

function partText(part: Part): string {
  const text = decodeText(part.body(), part.type.parameters.get('charset'));
  return part.type.value === 'text/html' ? htmlText(text) : text;
}
