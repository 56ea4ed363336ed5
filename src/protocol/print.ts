/**
 * Prints values in exactly the form that Cyrus prints, byte for byte. Cyrus' `reindex` hashes what
 * it would print, not what it read, so a data file in any other form fails its `verify`. Rules:
 * cyrus-imapd imap/dlist.c (dlist_print), lib/prot.c (prot_printastring, prot_printstring),
 * lib/imparse.c.
 *
 * The form of a literal depends on the reader. `log` prints `{n+}`, which is the form in data files
 * and in data sent to a server. `client` prints `{n}`, because Debian's sync_client treats `{n+}`
 * from a server as a bad response.
 *
 * There is one deviation. Cyrus prints the key of a list raw, and the key of anything else as a
 * string. Here every key is printed as a string. Both forms are the same for every key that can be
 * parsed.
 */
import { BackupError } from '../errors.ts';
import { Flag, KeyValues } from './dlist.ts';
import type { Dlist, FileLiteral } from './dlist.ts';

export type PrintForm = 'log' | 'client';

/**
 * A string of this length or more is printed as a literal. The number is MAXQSTRING of lib/prot.c,
 * and imparse_isnatom uses the same number.
 */
const literalFrom = 1024;

/** 0x1f is an atom byte (imparse_isnatom compares with `< 0x1f`), but 0x7f is not. */
const isAtomByte = new Uint8Array(256).fill(1, 0x1f, 0x7f);
for (const special of ' {()"%*\\') isAtomByte[special.charCodeAt(0)] = 0;

function isAtom(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    if (isAtomByte[text.charCodeAt(at)] !== 1) return false;
  }
  return true;
}

// isQCHAR does not exclude NUL, but NUL ends a C string. Cyrus prints strings that contain a NUL as
// literals, with their length.
const quotable = /^[\x01-\x09\x0b\x0c\x0e-\x21#$&-[\]-\x7f]+$/;

/** Prints a string as an atom, quoted or as a literal. */
export function printString(text: string, form: PrintForm): string {
  if (text === '') return '""';
  if (text.length < literalFrom) {
    if (isAtom(text)) return text === 'NIL' ? '"NIL"' : text;
    if (quotable.test(text)) return `"${text}"`;
  }
  return `{${text.length}${form === 'log' ? '+' : ''}}\r\n${text}`;
}

/** Appends the value's pieces to one flat list, which is joined once. */
function addPieces(pieces: string[], value: Dlist, form: PrintForm): void {
  if (typeof value === 'string') pieces.push(printString(value, form));
  else if (value === null) pieces.push('NIL');
  else if (Array.isArray(value)) {
    let before = '(';
    for (const item of value) {
      pieces.push(before);
      addPieces(pieces, item, form);
      before = ' ';
    }
    pieces.push(value.length === 0 ? '()' : ')');
  } else if (value instanceof KeyValues) {
    let before = '%(';
    const { flat } = value;
    for (let at = 0; at < flat.length; at += 2) {
      pieces.push(before, printString(flat[at] as string, form), ' ');
      addPieces(pieces, flat[at + 1] as Dlist, form);
      before = ' ';
    }
    pieces.push(flat.length === 0 ? '%()' : ')');
  } else if (value instanceof Flag) pieces.push(value.name);
  else throw new BackupError('bad-parameters', `file ${value.guid}: not printable without its bytes`);
}

/**
 * Returns the value as a latin1 byte string. Throws `bad-parameters` for a file, because its bytes
 * are not part of the value (see printFileHeader).
 */
export function printDlist(value: Dlist, form: PrintForm): string {
  if (typeof value === 'string') return printString(value, form);
  const pieces: string[] = [];
  addPieces(pieces, value, form);
  return pieces.join('');
}

/**
 * Like printItem, but yields the text in pieces: a mailbox's line grows with the number of
 * messages. The elements of an outermost list, and of the lists in an outermost `%( )`, are yielded
 * one by one.
 */
export function* printItemPieces(key: string, value: Dlist, form: PrintForm): Generator<string> {
  if (Array.isArray(value)) {
    yield `${printString(key, form)} (`;
    for (const [index, element] of value.entries())
      yield (index === 0 ? '' : ' ') + printDlist(element, form);
    yield ')';
    return;
  }
  if (!(value instanceof KeyValues)) {
    yield printItem(key, value, form);
    return;
  }
  yield `${printString(key, form)} %(`;
  const { flat } = value;
  for (let at = 0; at < flat.length; at += 2) {
    const item = flat[at + 1] as Dlist;
    const start = `${at === 0 ? '' : ' '}${printString(flat[at] as string, form)} `;
    if (!Array.isArray(item)) {
      yield start + printDlist(item, form);
      continue;
    }
    yield `${start}(`;
    for (const [index, element] of item.entries()) yield (index === 0 ? '' : ' ') + printDlist(element, form);
    yield ')';
  }
  yield ')';
}

/** Prints a value with its key: the part after `APPLY ` in the log, or after `* ` in an answer. */
export function printItem(key: string, value: Dlist, form: PrintForm): string {
  return printString(key, form) + ' ' + printDlist(value, form);
}

/**
 * Prints the header that precedes a file's bytes. A file's size never has a plus, for any reader.
 */
export function printFileHeader(file: FileLiteral): string {
  return `%{${printString(file.partition, 'log')} ${file.guid} ${file.size}}\r\n`;
}
