/**
 * Prints log lines as text for people, as logfmt, or as JSON.
 *
 * A field may quote a peer. Control characters are escaped, so that a peer can neither forge a line
 * nor control a terminal, and long values are cut, because the process blocks until the reader of
 * the log takes a line.
 */
import { EVENTS } from './events.ts';
import type { EventName, FieldValue, Level, Where } from './events.ts';

export type Fields = Readonly<Record<string, FieldValue>>;

/** The greatest length of a field. */
const MOST_CHARS = 4096;
/** C0 and C1 controls, DEL, the separators of lines, and marks that reorder text. */
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

function escaped(char: string): string {
  if (char === '\n') return '\\n';
  if (char === '\t') return '\\t';
  if (char === '\r') return '\\r';
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

const cut = (text: string): string => (text.length <= MOST_CHARS ? text : `${text.slice(0, MOST_CHARS)}...`);

/** Returns a value on one line, without control characters. */
function printable(text: string): string {
  return cut(text).replace(CONTROLS, (char) => (char === '\n' ? ' | ' : escaped(char)));
}

/** Fills the text of an event in; leaves out the parts in brackets whose field is absent. */
function filled(text: string, fields: Fields): string {
  const fill = (part: string): string | undefined => {
    let isWhole = true;
    const result = part.replace(/\{(\w+)\}/g, (_, name: string) => {
      const value = fields[name];
      if (value === undefined) isWhole = false;
      return value === undefined ? '' : String(value);
    });
    return isWhole ? result : undefined;
  };
  return text.replace(/\[([^\]]*)\]|[^[]+/g, (part, optional?: string) =>
    optional === undefined ? (fill(part) ?? part) : (fill(optional) ?? ''),
  );
}

/** `peer login: text`, for people. */
export function textLine(event: EventName, fields: Fields, { peer, login }: Where = {}): string {
  const who = [peer, login].filter((part) => part !== undefined).join(' ');
  const text = filled(EVENTS[event].text, fields);
  return printable(who === '' ? text : `${who}: ${text}`);
}

/** Returns a value of logfmt: bare, or in quotes with escapes. */
function logfmtValue(value: string | number): string {
  const text = cut(String(value));
  if (text !== '' && !/[\s"=\\]/.test(text) && text.search(CONTROLS) === -1) return text;
  return `"${text.replace(/["\\]/g, '\\$&').replace(CONTROLS, escaped)}"`;
}

export interface Line {
  /** ISO time; undefined where whoever reads the log adds one. */
  readonly time: string | undefined;
  readonly level: Level;
  readonly event: EventName;
  readonly fields: Fields;
  readonly where: Where;
}

/** The entries of a line in their order, without absent ones. */
function entriesOf({ time, level, event, fields, where }: Line): [string, string | number][] {
  const all: [string, FieldValue][] = [
    ['time', time],
    ['level', level],
    ['event', event],
    ['peer', where.peer],
    ['login', where.login],
    ...EVENTS[event].fields.map((name): [string, FieldValue] => [name, fields[name]]),
  ];
  return all.filter((entry): entry is [string, string | number] => entry[1] !== undefined);
}

export function logfmtLine(line: Line): string {
  return entriesOf(line)
    .map(([name, value]) => `${name}=${logfmtValue(value)}`)
    .join(' ');
}

export function jsonLine(line: Line): string {
  const entries = entriesOf(line).map(([name, value]) => [
    name,
    typeof value === 'string' ? cut(value) : value,
  ]);
  return JSON.stringify(Object.fromEntries(entries)).replace(CONTROLS, escaped);
}
