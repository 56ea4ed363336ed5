/**
 * Walks the parts of a message (RFC 2045, 2046). Mail is hostile: depth, number of parts, header
 * size and decoded bytes are limited, and what lies beyond a limit is left out and reported by
 * `isCut`. Anything that is not well formed is read as far as it makes sense.
 */
import { parseStructured, trimBlanks } from './encodedWords.ts';
import type { StructuredHeader } from './encodedWords.ts';

const MOST_PARTS = 10_000;
const MOST_DEPTH = 100;
const LONGEST_HEADER_BYTES = 1 << 20;

export interface HeaderField {
  /** In lower case. */
  readonly name: string;
  /** One character a byte; folded lines are joined. */
  readonly value: string;
}

export interface Part {
  readonly fields: readonly HeaderField[];
  readonly type: StructuredHeader;
  readonly disposition: StructuredHeader;
  /** 0 is the message itself; a forwarded message is one deeper than the part that holds it. */
  readonly depth: number;
  /** True for the message, and for a forwarded one: the fields are a message's header. */
  readonly isMessage: boolean;
  /** The body without its transfer encoding; empty for a multipart or forwarded message. */
  body(): Buffer;
}

/**
 * The limit of all bytes examined. Each level of a nested message is searched for its own boundary.
 */
const MOST_BYTES = 512 << 20;

/** Calls `visit` for each part in order. Returns true if a limit cut something off. */
export function walkParts(message: Buffer, visit: (part: Part) => void): boolean {
  const walk = { visit, partsLeft: MOST_PARTS, bytesLeft: MOST_BYTES, isCut: false };
  walkPart(walk, message, { depth: 0, isMessage: true, defaultType: 'text/plain' });
  return walk.isCut;
}

interface Walk {
  readonly visit: (part: Part) => void;
  partsLeft: number;
  bytesLeft: number;
  isCut: boolean;
}

interface Position {
  readonly depth: number;
  readonly isMessage: boolean;
  readonly defaultType: string;
}

function walkPart(walk: Walk, bytes: Buffer, position: Position): void {
  if (walk.partsLeft === 0 || walk.bytesLeft < bytes.length || position.depth > MOST_DEPTH) {
    walk.isCut = true;
    return;
  }
  walk.partsLeft -= 1;
  walk.bytesLeft -= bytes.length;
  const { fields, bodyStart } = splitHeader(bytes);
  const find = (name: string): string => fields.find((field) => field.name === name)?.value ?? '';
  const stated = parseStructured(find('content-type'));
  const type = /^[^/\s]+\/[^/\s]+$/.test(stated.value) ? stated : { ...stated, value: position.defaultType };
  const encoding = find('content-transfer-encoding').trim().toLowerCase();
  const raw = bytes.subarray(bodyStart);
  const depth = position.depth + 1;
  const boundary = type.value.startsWith('multipart/') ? type.parameters.get('boundary') : undefined;
  const isForwarded = /^message\/(rfc822|global|news)$/.test(type.value);
  const isContainer = boundary !== undefined && boundary !== '';
  walk.visit({
    fields,
    type,
    disposition: parseStructured(find('content-disposition')),
    depth: position.depth,
    isMessage: position.isMessage,
    body: () => (isContainer || isForwarded ? Buffer.alloc(0) : decodeBody(raw, encoding)),
  });
  if (isForwarded) {
    walkPart(walk, decodeBody(raw, encoding), { depth, isMessage: true, defaultType: 'text/plain' });
  } else if (isContainer) {
    const defaultType = type.value === 'multipart/digest' ? 'message/rfc822' : 'text/plain';
    for (const part of splitMultipart(raw, boundary)) {
      walkPart(walk, part, { depth, isMessage: false, defaultType });
    }
  }
}

/** Splits a header from the body. A line that is no field ends the header. */
function splitHeader(bytes: Buffer): { fields: HeaderField[]; bodyStart: number } {
  const end = headerEnd(bytes);
  const text = bytes.toString('latin1', 0, Math.min(end.header, LONGEST_HEADER_BYTES));
  const fields: HeaderField[] = [];
  for (const line of text.split(/\r?\n(?![ \t])|\r(?![\n \t])/)) {
    const colon = line.indexOf(':');
    if (colon <= 0) continue;
    const name = line.slice(0, colon).trim().toLowerCase();
    fields.push({ name, value: trimBlanks(line.slice(colon + 1).replaceAll(/[\r\n]+/g, '')) });
  }
  return { fields, bodyStart: end.body };
}

const LF = 10;
const CR = 13;

function headerEnd(bytes: Buffer): { header: number; body: number } {
  if (bytes[0] === LF) return { header: 0, body: 1 };
  if (bytes[0] === CR && bytes[1] === LF) return { header: 0, body: 2 };
  for (let at = bytes.indexOf(LF); at !== -1; at = bytes.indexOf(LF, at + 1)) {
    if (bytes[at + 1] === LF) return { header: at, body: at + 2 };
    if (bytes[at + 1] === CR && bytes[at + 2] === LF) return { header: at, body: at + 3 };
  }
  return { header: bytes.length, body: bytes.length };
}

/** Yields the bytes of each part of a multipart body. An unclosed last part ends with the body. */
function* splitMultipart(body: Buffer, boundary: string): Generator<Buffer> {
  const delimiter = Buffer.from(`--${boundary}`, 'latin1');
  let start: number | undefined;
  for (let at = body.indexOf(delimiter); at !== -1; at = body.indexOf(delimiter, at + 1)) {
    if (at > 0 && body[at - 1] !== LF) continue;
    const after = lineAfter(body, at + delimiter.length);
    if (after === undefined) continue;
    if (start !== undefined) yield body.subarray(start, beforeLineEnd(body, at));
    if (after.isLast) return;
    start = after.next;
  }
  if (start !== undefined && start < body.length) yield body.subarray(start);
}

/** Parses the rest of a delimiter's line; undefined if the line is longer than a delimiter. */
function lineAfter(body: Buffer, at: number): { next: number; isLast: boolean } | undefined {
  const isLast = body[at] === 0x2d && body[at + 1] === 0x2d;
  const lineEnd = body.indexOf(LF, at);
  const end = lineEnd === -1 ? body.length : lineEnd;
  if (end - at > 1000) return undefined;
  const rest = body.toString('latin1', isLast ? at + 2 : at, end);
  return /^[ \t\r]*$/.test(rest) ? { next: Math.min(end + 1, body.length), isLast } : undefined;
}

function beforeLineEnd(body: Buffer, at: number): number {
  const lf = at - 1;
  if (lf < 0) return 0;
  return body[lf - 1] === CR ? lf - 1 : lf;
}

function decodeBody(raw: Buffer, encoding: string): Buffer {
  if (encoding === 'base64') return Buffer.from(raw.toString('latin1'), 'base64');
  if (encoding === 'quoted-printable') return decodeQuotedPrintable(raw);
  if (/^x-?uu(e|encode)?$/.test(encoding)) return decodeUuencode(raw);
  return raw;
}

const EQUALS = 0x3d;

/** Decodes quoted-printable (RFC 2045). An `=` that starts no escape stays as it is. */
function decodeQuotedPrintable(raw: Buffer): Buffer {
  const out = Buffer.allocUnsafe(raw.length);
  let length = 0;
  let from = 0;
  for (let at = raw.indexOf(EQUALS); at !== -1; at = raw.indexOf(EQUALS, from)) {
    length += raw.copy(out, length, from, at);
    const value = hexValue(raw[at + 1]) * 16 + hexValue(raw[at + 2]);
    const softEnd = softBreakEnd(raw, at + 1);
    if (!Number.isNaN(value)) {
      out[length++] = value;
      from = at + 3;
    } else if (softEnd === undefined) {
      out[length++] = EQUALS;
      from = at + 1;
    } else from = softEnd;
  }
  length += raw.copy(out, length, from);
  return out.subarray(0, length);
}

function hexValue(byte: number | undefined): number {
  if (byte === undefined) return Number.NaN;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : Number.NaN;
}

/** Returns the position after a soft line break that starts at `at`; undefined if none does. */
function softBreakEnd(raw: Buffer, at: number): number | undefined {
  let end = at;
  while (raw[end] === 0x20 || raw[end] === 0x09) end += 1;
  if (raw[end] === CR && raw[end + 1] === LF) return end + 2;
  if (raw[end] === LF) return end + 1;
  return end >= raw.length ? raw.length : undefined;
}

/** Decodes uuencoded lines between `begin` and `end`. */
function decodeUuencode(raw: Buffer): Buffer {
  const lines = raw.toString('latin1').split(/\r?\n/);
  const begin = lines.findIndex((line) => line.startsWith('begin '));
  const pieces: Buffer[] = [];
  for (const line of begin === -1 ? [] : lines.slice(begin + 1)) {
    if (line === 'end') break;
    pieces.push(decodeUuLine(line));
  }
  return Buffer.concat(pieces);
}

function decodeUuLine(line: string): Buffer {
  const length = (line.charCodeAt(0) - 32) & 63;
  const bytes: number[] = [];
  for (let at = 1; at < line.length && bytes.length < length; at += 4) {
    const [a = 0, b = 0, c = 0, d = 0] = [0, 1, 2, 3].map(
      (offset) => ((line.charCodeAt(at + offset) || 32) - 32) & 63,
    );
    bytes.push((a << 2) | (b >> 4), ((b & 15) << 4) | (c >> 2), ((c & 3) << 6) | d);
  }
  return Buffer.from(bytes.slice(0, length));
}
