/**
 * Reads dlist values out of lines: a state machine with a stack of its own, so that neither deep nesting nor a literal
 * in the middle of a value costs recursion, and a line is read by index, once. A long line comes in parts (`more`), so that
 * neither its length nor that of a string in it is the length of a step.
 *
 * Over 300 lines because it is one state machine, whose places in the text all parts of it move.
 *
 * It reckons what the values take in memory (`held`), from above: for drivers that have a bound on it.
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
import type { Need } from './need.ts';
import { endOfQuoted, unescaped } from './quoted.ts';

/** About a millisecond of reading. */
const VALUES_A_TURN = 4096;

/** So much of a line is at hand when a value is read, if the line has as much: more than a literal's or file's header. */
const AHEAD_BYTES = 1024;

/** What values take in memory, as V8 keeps them (Node 20, 64 bits). */
const STRING_BYTES = 24;
const LIST_BYTES = 56;
const KEY_VALUES_BYTES = 88;
const SLOT_BYTES = 8;
const FILE_BYTES = 128;
/** From this length on V8 makes a part of a string a view of the whole, which is then kept as long as the part. */
const VIEW_CHARS = 13;

/** A longer list spares less than half of this by being trimmed. */
const TRIMMED_VALUES = 64;

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
  #bytesOfText: Buffer = Buffer.alloc(0);
  #text = '';
  #at = 0;
  /** Of the line, before the text. */
  #before = 0;
  /** The text goes up to the line's end. */
  #isWhole = true;
  #held = 0;
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

  /** Takes a line, or the first part of one, as what is to be read next. Without an LF there may be more of it. */
  setLine(line: Buffer): void {
    this.#line += 1;
    this.#before = 0;
    this.#setText(line);
    this.#count(this.#text.length);
    if (this.#text.length > this.#limits.lineBytes) throw this.error('over the limit of a line', 'limit');
  }

  #setText(bytes: Buffer): void {
    let end = bytes.length;
    this.#isWhole = bytes[end - 1] === 0x0a;
    if (this.#isWhole) end -= 1;
    if (this.#isWhole && bytes[end - 1] === 0x0d) end -= 1;
    this.#bytesOfText = bytes;
    this.#text = bytes.toString('latin1', 0, end);
    this.#at = 0;
  }

  /** Takes the line's next part; undefined: there is none. */
  #addPart(part: Buffer | undefined): void {
    const rest = this.#bytesOfText.subarray(this.#at);
    if (part !== undefined) {
      this.#count(part.length);
      this.#before += this.#at;
      this.#setText(rest.length === 0 ? part : Buffer.concat([rest, part]));
      return;
    }
    if (rest[rest.length - 1] === 0x0d) this.#text = this.#text.slice(0, -1);
    this.#isWhole = true;
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
    return new BackupError(kind, `${what}, at byte ${this.#before + this.#at}${line}`);
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
      if (need.need === 'more') {
        this.#addPart(bytes);
        continue;
      }
      if (need.need === 'bytes') this.#add((bytes ?? Buffer.alloc(0)).toString('latin1'));
      else if (need.need === 'file') this.#add(need.file);
      const line = yield { need: 'line' };
      if (line === undefined) throw this.error('the input ends inside a value', 'closed');
      this.setLine(line);
    }
    while (!this.#isWhole && this.#text.length - this.#at < AHEAD_BYTES) this.#addPart(yield this.#more());
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
        return { need: 'turn', held: this.#held };
      }
      this.#skipSpaces();
      if (!this.#isWhole && this.#text.length - this.#at < AHEAD_BYTES) return this.#more();
      const byte = this.#text.charCodeAt(this.#at);
      if (byte === 0x29) this.#close(frame);
      else if (byte === 0x22) {
        const quoted = this.#quoted();
        if (quoted === undefined) return this.#more();
        this.#add(quoted);
      } else if (byte === 0x7b) return this.#literal();
      else if (frame.values !== undefined && frame.key === undefined) {
        const key = this.#atom();
        if (key === undefined) return this.#more();
        this.#add(key);
      } else if (byte === 0x28) this.#open({ items: [], values: undefined, key: undefined });
      else if (byte === 0x25) {
        this.#at += 1;
        if (this.#text.charCodeAt(this.#at) === 0x7b) return this.#file();
        if (this.#text.charCodeAt(this.#at) !== 0x28) throw this.error('%( or %{ is expected');
        this.#open({ items: undefined, values: new KeyValues(), key: undefined });
      } else if (!this.#addBare(byte)) return this.#more();
    }
  }

  /** False: it goes on in the line's next part. */
  #addBare(first: number): boolean {
    const token = this.#atom();
    if (token === undefined) return false;
    if (first === 0x5c) this.#add(Flag.of(token));
    else this.#add(token === 'NIL' ? null : token);
    return true;
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
      this.#held += SLOT_BYTES;
    }
    this.#items += 1;
    this.#held += SLOT_BYTES;
    if (typeof value === 'string') this.#held += STRING_BYTES + value.length;
    else if (value instanceof FileLiteral) this.#held += FILE_BYTES;
    if (this.#items > this.#limits.items) throw this.error(`over ${this.#limits.items} values`, 'limit');
  }

  #open(frame: Frame): void {
    if (this.#frames.length > this.#limits.depth) {
      throw this.error(`nested deeper than ${this.#limits.depth}`, 'limit');
    }
    this.#at += 1;
    this.#held += frame.items === undefined ? KEY_VALUES_BYTES : LIST_BYTES;
    this.#add(frame.items ?? frame.values!);
    this.#frames.push(frame);
  }

  #close(frame: Frame): void {
    if (this.#frames.length === 1) throw this.error('a parenthesis too many');
    if (frame.key !== undefined) throw this.error('a key without a value');
    this.#at += 1;
    this.#frames.pop();
    // A growing array has room to spare, which a mailbox's many records would keep.
    if (frame.values !== undefined) frame.values.flat = frame.values.flat.slice();
    else if (frame.items !== undefined && frame.items.length <= TRIMMED_VALUES)
      this.#replaceLast(frame.items.slice());
  }

  /** The value that was added last is this one. */
  #replaceLast(value: Dlist): void {
    const frame = this.#frames[this.#frames.length - 1]!;
    const values = frame.items ?? frame.values!.flat;
    values[values.length - 1] = value;
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

  /** Undefined: it goes on in the line's next part. */
  #atom(): string | undefined {
    const start = this.#at;
    this.#skipAtom();
    if (!this.#isWhole && this.#at === this.#text.length) {
      this.#at = start;
      return undefined;
    }
    if (this.#at === start) {
      throw this.error(start === this.#text.length ? 'missing required argument' : 'a value is expected');
    }
    this.#checkString(this.#at - start);
    return this.#slice(start, this.#at);
  }

  /** A part of the text that does not keep all of it in memory. */
  #slice(start: number, end: number): string {
    return end - start < VIEW_CHARS || this.#isShort()
      ? this.#text.slice(start, end)
      : this.#bytesOfText.toString('latin1', start, end);
  }

  /** A short line is kept as a whole by what is read of it: that is no more than the values take. */
  #isShort(): boolean {
    return this.#text.length < AHEAD_BYTES;
  }

  #checkString(chars: number): void {
    if (chars <= this.#limits.literalBytes) return;
    throw this.error(`a string of more than ${this.#limits.literalBytes} bytes is over the limit`, 'limit');
  }

  /** Undefined: it goes on in the line's next part. */
  #quoted(): string | undefined {
    const text = this.#text;
    const start = this.#at + 1;
    let end = text.indexOf('"', start);
    const backslash = end === -1 ? -1 : text.slice(start, end).indexOf('\\');
    if (backslash !== -1) end = endOfQuoted(text, start + backslash);
    if (end === -1 && !this.#isWhole) return undefined;
    if (end === -1) throw this.error('a quoted string does not end');
    this.#checkString(end - start);
    const content = backslash === -1 ? this.#slice(start, end) : unescaped(this.#bytesOfText, start, end);
    this.#at = end + 1;
    if (/[\0\r]/.test(content)) throw this.error('NUL or CR in a quoted string');
    return content;
  }

  #more(): Need {
    this.#checkString(this.#text.length - this.#at - 2 * AHEAD_BYTES);
    return { need: 'more', atLeast: this.#text.length - this.#at, held: this.#held };
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
    return { need: 'bytes', count, synchronizing: match[2] === '', held: this.#held + count };
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
