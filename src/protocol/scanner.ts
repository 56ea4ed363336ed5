/**
 * Reads dlist values out of lines: a state machine with a stack of its own, so that neither deep nesting nor a literal
 * in the middle of a value costs recursion, and a line is read by index, once.
 *
 * It takes what the original takes (cyrus-imapd imap/dlist.c dlist_parse, imap/imapparse.c getxstring): spaces between
 * values are optional, an atom ends at white space, a parenthesis or a double quote, a backslash in a quoted string
 * stands for the byte behind it. It is stricter where the original goes wrong: a NUL outside of literals (there the
 * string ends), a line that ends inside a list (there the server waits for ever), control white space.
 */
import { BackupError } from '../errors.ts';
import type { ErrorKind } from '../errors.ts';
import { FileLiteral, Flag, KeyValues } from './dlist.ts';
import type { Dlist } from './dlist.ts';
import type { Limits } from './limits.ts';

/** What a grammar asks of its driver. */
export type Need =
  | { readonly need: 'line' }
  | { readonly need: 'bytes'; readonly count: number; readonly synchronizing: boolean }
  | { readonly need: 'file'; readonly file: FileLiteral }
  /** Nothing but that others may have their turn: a line of 100,000 records takes half a second. */
  | { readonly need: 'turn' };

/** About a millisecond of reading. */
const VALUES_A_TURN = 4096;

/** An open list: of values, or of keys and values in turn, whose `key` is set between a key and its value. */
interface Frame {
  readonly items: Dlist[] | undefined;
  readonly values: KeyValues | undefined;
  key: string | undefined;
}

/** Keys are few and come again with every record: one string for each, but a peer cannot fill memory with them. */
const internedKeys = new Map<string, string>();
const mostInternedKeys = 1024;

function interned(key: string): string {
  const known = internedKeys.get(key);
  if (known !== undefined) return known;
  if (internedKeys.size < mostInternedKeys && key.length < 64) internedKeys.set(key, key);
  return key;
}

/** White space, parentheses and the double quote end an atom; NUL is no part of one. */
const endsAtom = new Uint8Array(256);
for (const byte of [0, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x20, 0x22, 0x28, 0x29]) endsAtom[byte] = 1;

const literalHeader = /\{([0-9]{1,20})(\+?)\}$/y;
const fileHeader = /\{(?:([^ "{}()\\\0]+)|"([^"\\\0]*)") "?([0-9a-fA-F]{40})"? ([0-9]{1,20})\}$/y;

export class DlistScanner {
  readonly #limits: Limits;
  readonly #frames: Frame[] = [];
  #text = '';
  #at = 0;
  #items = 0;
  /** Of the command so far: lines and literals. */
  #bytes = 0;
  /** The count of values at which others have their turn. */
  #turnAt = VALUES_A_TURN;
  /** How often a literal moved on to another line: for messages. */
  #line = 1;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** Takes a line, with or without its end, as what is to be read next. */
  setLine(line: Buffer): void {
    let end = line.length;
    if (line[end - 1] === 0x0a) end -= 1;
    if (line[end - 1] === 0x0d) end -= 1;
    if (end > this.#limits.lineBytes) throw this.error('over the limit of a line', 'limit');
    this.#count(end);
    this.#text = line.toString('latin1', 0, end);
    this.#at = 0;
    this.#line += 1;
  }

  /** The rest of the line from where reading stands. */
  rest(): string {
    return this.#text.slice(this.#at);
  }

  /** A bare word, possibly empty, and the single space behind it if there is one (getword). */
  word(): string {
    const start = this.#at;
    this.#skipAtom();
    const word = this.#text.slice(start, this.#at);
    if (this.#text.charCodeAt(this.#at) === 0x20) this.#at += 1;
    return word;
  }

  /** Nothing but the line's end may follow. */
  expectEnd(): void {
    if (this.#at !== this.#text.length) throw this.error('unexpected extra arguments');
  }

  error(what: string, kind: ErrorKind = 'syntax'): BackupError {
    const line = this.#line > 2 ? ` of line ${this.#line - 1}` : '';
    return new BackupError(kind, `${what}, at byte ${this.#at}${line}`);
  }

  /** Reads `key value`, over as many lines and literals as it takes. */
  *item(): Generator<Need, [key: string, value: Dlist], Buffer | undefined> {
    const values = new KeyValues();
    this.#frames.push({ items: undefined, values, key: undefined });
    for (;;) {
      const need = this.#run();
      if (need === undefined) break;
      const bytes = yield need;
      if (need.need === 'turn') continue;
      if (need.need === 'bytes') this.#add((bytes ?? Buffer.alloc(0)).toString('latin1'));
      else if (need.need === 'file') this.#add(need.file);
      const line = yield { need: 'line' };
      if (line === undefined) throw this.error('the input ends inside a value', 'closed');
      this.setLine(line);
    }
    this.#frames.pop();
    return values.entries[0]!;
  }

  /** Reads on until the outermost value is complete, bytes are needed that are not on the line, or it has been long. */
  #run(): Need | undefined {
    for (;;) {
      const frame = this.#frames[this.#frames.length - 1]!;
      if (this.#frames.length === 1 && frame.values!.flat.length === 2) return undefined;
      if (this.#items >= this.#turnAt) {
        this.#turnAt = this.#items + VALUES_A_TURN;
        return { need: 'turn' };
      }
      this.#skipSpaces();
      const byte = this.#text.charCodeAt(this.#at);
      if (byte === 0x29) this.#close(frame);
      else if (byte === 0x22) this.#add(this.#quoted());
      else if (byte === 0x7b) return this.#literal();
      else if (frame.values !== undefined && frame.key === undefined) this.#add(this.#atom());
      else if (byte === 0x28) this.#open({ items: [], values: undefined, key: undefined });
      else if (byte === 0x25) {
        this.#at += 1;
        if (this.#text.charCodeAt(this.#at) === 0x7b) return this.#file();
        if (this.#text.charCodeAt(this.#at) !== 0x28) throw this.error('%( or %{ is expected');
        this.#open({ items: undefined, values: new KeyValues(), key: undefined });
      } else this.#addBare(byte);
    }
  }

  #addBare(first: number): void {
    const token = this.#atom();
    if (first === 0x5c) this.#add(Flag.of(token));
    else this.#add(token === 'NIL' ? null : token);
  }

  #add(value: Dlist): void {
    const frame = this.#frames[this.#frames.length - 1]!;
    if (frame.items !== undefined) frame.items.push(value);
    else if (frame.key === undefined) {
      if (typeof value !== 'string') throw this.error('a key is expected');
      frame.key = interned(value);
      return;
    } else {
      frame.values!.flat.push(frame.key, value);
      frame.key = undefined;
    }
    this.#items += 1;
    if (this.#items > this.#limits.items) throw this.error(`over ${this.#limits.items} values`, 'limit');
  }

  #open(frame: Frame): void {
    if (this.#frames.length > this.#limits.depth) {
      throw this.error(`nested deeper than ${this.#limits.depth}`, 'limit');
    }
    this.#at += 1;
    this.#add(frame.items ?? frame.values!);
    this.#frames.push(frame);
  }

  #close(frame: Frame): void {
    if (this.#frames.length === 1) throw this.error('a parenthesis too many');
    if (frame.key !== undefined) throw this.error('a key without a value');
    this.#at += 1;
    // A growing array has room to spare, which a mailbox's many records would keep.
    if (frame.values !== undefined) frame.values.flat = frame.values.flat.slice();
    this.#frames.pop();
  }

  #skipSpaces(): void {
    for (;;) {
      const byte = this.#text.charCodeAt(this.#at);
      if (byte !== 0x20 && byte !== 0x09) return;
      this.#at += 1;
    }
  }

  #skipAtom(): void {
    const text = this.#text;
    let at = this.#at;
    while (at < text.length && endsAtom[text.charCodeAt(at)] === 0) at += 1;
    this.#at = at;
  }

  #atom(): string {
    const start = this.#at;
    this.#skipAtom();
    if (this.#at === start) {
      throw this.error(start === this.#text.length ? 'missing required argument' : 'a value is expected');
    }
    return this.#text.slice(start, this.#at);
  }

  #quoted(): string {
    const text = this.#text;
    const end = text.indexOf('"', this.#at + 1);
    if (end === -1) throw this.error('a quoted string does not end');
    let content = text.slice(this.#at + 1, end);
    if (content.includes('\\')) content = this.#unescape();
    else this.#at = end + 1;
    if (/[\0\r]/.test(content)) throw this.error('NUL or CR in a quoted string');
    return content;
  }

  #unescape(): string {
    const text = this.#text;
    let content = '';
    let at = this.#at + 1;
    let run = at;
    for (; at < text.length; at += 1) {
      const byte = text.charCodeAt(at);
      if (byte === 0x22) {
        this.#at = at + 1;
        return content + text.slice(run, at);
      }
      if (byte !== 0x5c) continue;
      content += text.slice(run, at);
      at += 1;
      run = at;
    }
    throw this.error('a quoted string does not end');
  }

  #literal(): Need {
    literalHeader.lastIndex = this.#at;
    const match = literalHeader.exec(this.#text);
    if (match === null) throw this.error("a literal's size is expected at the end of the line");
    const count = Number(match[1]);
    if (count > this.#limits.literalBytes) {
      throw this.error(`a literal of ${count} bytes is over the limit`, 'limit');
    }
    this.#count(count);
    return { need: 'bytes', count, synchronizing: match[2] === '' };
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes <= this.#limits.commandBytes) return;
    throw this.error(`a command of more than ${this.#limits.commandBytes} bytes is over the limit`, 'limit');
  }

  #file(): Need {
    fileHeader.lastIndex = this.#at;
    const match = fileHeader.exec(this.#text);
    if (match === null) {
      throw this.error("a file's partition, guid and size are expected at the end of the line");
    }
    const size = Number(match[4]);
    if (size > this.#limits.messageBytes) {
      throw this.error(`a file of ${size} bytes is over the limit`, 'limit');
    }
    return { need: 'file', file: new FileLiteral(match[1] ?? match[2] ?? '', match[3]!.toLowerCase(), size) };
  }
}
