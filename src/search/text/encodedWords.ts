/**
 * Decodes header text: encoded words (RFC 2047) and parameters (RFC 2231). Header bytes come as
 * latin1 strings, one character a byte.
 */
import { decodeText, guessText } from './charset.ts';

const ENCODED_WORD = /=\?([^?*\s]+)(?:\*[^?\s]*)?\?([bq])\?([^?]*)\?=/gi;
/** A parameter may be split into this many sections. */
const MOST_SECTIONS = 1000;
const BLANKS = new Set([' ', '\t']);

/**
 * Returns the decoded text of a header value. Adjacent encoded words of one charset and encoding
 * are decoded together, since senders split them in the middle of a character.
 */
export function decodeHeader(latin1: string): string {
  if (!latin1.includes('=?')) return plainText(latin1);
  let decoded = '';
  let at = 0;
  let pending: { charset: string; bytes: Buffer[] } | undefined;
  const flush = (): void => {
    if (pending !== undefined) decoded += decodeText(Buffer.concat(pending.bytes), pending.charset);
    pending = undefined;
  };
  for (const match of latin1.matchAll(ENCODED_WORD)) {
    const between = latin1.slice(at, match.index);
    const charset = (match[1] ?? '').toLowerCase();
    const isAdjacent = pending !== undefined && /^[ \t\r\n]*$/.test(between);
    if (!isAdjacent || pending?.charset !== charset) flush();
    if (!isAdjacent) decoded += plainText(between);
    const bytes = wordBytes(match[2] ?? '', match[3] ?? '');
    if (pending === undefined) pending = { charset, bytes: [bytes] };
    else pending.bytes.push(bytes);
    at = match.index + match[0].length;
  }
  flush();
  return decoded + plainText(latin1.slice(at));
}

/** Like trim(), but leaves 0xA0 alone, which is part of a character in bytes read as latin1. */
export function trimBlanks(latin1: string): string {
  let [start, end] = [0, latin1.length];
  while (start < end && BLANKS.has(latin1[start] ?? '')) start += 1;
  while (end > start && BLANKS.has(latin1[end - 1] ?? '')) end -= 1;
  return latin1.slice(start, end);
}

function wordBytes(encoding: string, data: string): Buffer {
  if (encoding.toLowerCase() === 'b') return Buffer.from(data, 'base64');
  return unescapeHex(data.replaceAll('_', ' '), /=([0-9A-F]{2})/gi);
}

function unescapeHex(latin1: string, escape: RegExp): Buffer {
  const bytes = latin1.replaceAll(escape, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1');
}

function plainText(latin1: string): string {
  return guessText(Buffer.from(latin1, 'latin1'));
}

/** A structured header, such as Content-Type. Names are in lower case. */
export interface StructuredHeader {
  readonly value: string;
  readonly parameters: ReadonlyMap<string, string>;
}

const PARAMETER = /;[ \t]*([^=; \t]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"?|([^;]*))/g;

/** Parses a structured header. Faults in it cost single parameters. */
export function parseStructured(latin1: string): StructuredHeader {
  const end = latin1.indexOf(';');
  const value = trimBlanks(end === -1 ? latin1 : latin1.slice(0, end)).toLowerCase();
  const raw = new Map<string, string>();
  for (const [, name = '', quoted, bare] of latin1.matchAll(PARAMETER)) {
    const text = quoted === undefined ? trimBlanks(bare ?? '') : quoted.replaceAll(/\\(.)/g, '$1');
    if (!raw.has(name.toLowerCase())) raw.set(name.toLowerCase(), text);
  }
  const names = new Set([...raw.keys()].map((name) => name.replace(/\*.*$/, '')));
  return { value, parameters: new Map([...names].map((name) => [name, parameterText(raw, name)])) };
}

/** Returns a parameter in its plain form, or joined from RFC 2231's sections. */
function parameterText(raw: ReadonlyMap<string, string>, name: string): string {
  const extended = raw.get(`${name}*`);
  if (extended !== undefined) return decodeSections([{ text: extended, isEncoded: true }]);
  const sections: { text: string; isEncoded: boolean }[] = [];
  for (let section = 0; section < MOST_SECTIONS; section += 1) {
    const encoded = raw.get(`${name}*${section}*`);
    const text = encoded ?? raw.get(`${name}*${section}`);
    if (text === undefined) break;
    sections.push({ text, isEncoded: encoded !== undefined });
  }
  if (sections.length > 0) return decodeSections(sections);
  return decodeHeader(raw.get(name) ?? '');
}

function decodeSections(sections: readonly { text: string; isEncoded: boolean }[]): string {
  const [first] = sections;
  const head = first?.isEncoded === true ? /^([^']*)'[^']*'/.exec(first.text) : null;
  const bytes = sections.map(({ text, isEncoded }, at) => {
    const rest = at === 0 && head !== null ? text.slice(head[0].length) : text;
    return isEncoded ? unescapeHex(rest, /%([0-9A-F]{2})/gi) : Buffer.from(rest, 'latin1');
  });
  return decodeText(Buffer.concat(bytes), head?.[1]);
}
