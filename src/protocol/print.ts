/**
 * Prints values in the one form that the original prints: byte for byte, because its `reindex` hashes what it would
 * print and not what it read, so that a data file in any other form fails its `verify`.
 * Rules: cyrus-imapd imap/dlist.c (dlist_print), lib/prot.c (prot_printastring, prot_printstring), lib/imparse.c.
 *
 * Literals differ by reader. `log` prints `{n+}` as data files hold it, and as we send it to a server. `client`
 * prints `{n}`: Debian's sync_client takes `{n+}` from a server for a bad response.
 *
 * One deviation: the original prints the key of a list raw and of anything else as a string; here every key is
 * printed as a string, which is the same for every key that can be read back.
 */
import { BackupError } from '../errors.ts';
import { Flag, KeyValues } from './dlist.ts';
import type { Dlist, FileLiteral } from './dlist.ts';

export type PrintForm = 'log' | 'client';

/** MAXQSTRING of lib/prot.c, and the same figure in imparse_isnatom: from this length on a string is a literal. */
const literalFrom = 1024;

/** 0x1f is an atom byte (imparse_isnatom compares with `< 0x1f`), 0x7f is none. */
const isAtomByte = new Uint8Array(256).fill(1, 0x1f, 0x7f);
for (const special of ' {()"%*\\') isAtomByte[special.charCodeAt(0)] = 0;

function isAtom(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    if (isAtomByte[text.charCodeAt(at)] !== 1) return false;
  }
  return true;
}

// NUL is not excluded by isQCHAR, but ends C's string: such values are printed by length, as literals.
const quotable = /^[\x01-\x09\x0b\x0c\x0e-\x21#$&-[\]-\x7f]+$/;

/** A string as atom, quoted or literal. */
export function printString(text: string, form: PrintForm): string {
  if (text === '') return '""';
  if (text.length < literalFrom) {
    if (isAtom(text)) return text === 'NIL' ? '"NIL"' : text;
    if (quotable.test(text)) return `"${text}"`;
  }
  return `{${text.length}${form === 'log' ? '+' : ''}}\r\n${text}`;
}

/** Adds the value's pieces to one flat list, which is joined once. */
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
 * The value as a latin1 byte string.
 * Throws `bad-parameters` for a file: its bytes are elsewhere; see printFileHeader.
 */
export function printDlist(value: Dlist, form: PrintForm): string {
  if (typeof value === 'string') return printString(value, form);
  const pieces: string[] = [];
  addPieces(pieces, value, form);
  return pieces.join('');
}

/**
 * As printItem, in pieces: a mailbox's line is as long as the mailbox has messages, so the elements of an outermost list, and of
 * the lists in an outermost `%( )`, come one by one.
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

/** A value with its key: what follows `APPLY ` in the log, or `* ` in an answer. */
export function printItem(key: string, value: Dlist, form: PrintForm): string {
  return printString(key, form) + ' ' + printDlist(value, form);
}

/** What stands before a file's bytes. A file's size never has a plus, whoever reads it. */
export function printFileHeader(file: FileLiteral): string {
  return `%{${printString(file.partition, 'log')} ${file.guid} ${file.size}}\r\n`;
}
