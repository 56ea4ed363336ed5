/**
 * Parses dlist values from lines. It is a state machine with its own stack, so neither deep nesting
 * nor a literal inside a value needs recursion. It reads each line once, by index. A long line
 * arrives in parts (`more`), so one step never has to handle a whole line or a whole string.
 *
 * Over 300 lines because it is one state machine, and all of its parts move the same position.
 *
 * It also keeps an upper estimate of the memory that the values take (`held`), for drivers that
 * limit it.
 *
 * It accepts what Cyrus accepts (cyrus-imapd imap/dlist.c dlist_parse, imap/imapparse.c
 * getxstring):
 *
 * - Spaces between values are optional.
 * - An atom ends at white space, a parenthesis or a double quote.
 * - A backslash in a quoted string stands for the byte after it.
 *
 * It refuses these, where Cyrus goes wrong:
 *
 * - A NUL outside of literals: Cyrus ends the string there.
 * - A line that ends inside a list: Cyrus waits forever.
 * - White space that is a control character.
 */
import { BackupError } from '../errors.ts';
import type { ErrorKind } from '../errors.ts';
import { FileLiteral, Flag, KeyValues } from './dlist.ts';
import type { Dlist } from './dlist.ts';
import type { Limits } from './limits.ts';
import type { Need } from './need.ts';
import { endOfQuoted, unescaped } from './quoted.ts';

/** The number of values that are read in about a millisecond. */
const VALUES_A_TURN = 4096;
/** A literal or file takes as long as this many values: the driver fetches it and a new line. */
const VALUES_A_LITERAL = 32;

/**
 * Before a value is read, at least this many bytes of the line are available, unless the line is
 * shorter. The header of a literal or file is always shorter than this.
 */
const AHEAD_BYTES = 1024;

/** The memory that values take in V8 (Node 20, 64 bits). */
const STRING_BYTES = 24;
const LIST_BYTES = 56;
const KEY_VALUES_BYTES = 88;
const SLOT_BYTES = 8;
const FILE_BYTES = 128;
/**
 * V8 stores a substring of this length or more as a view, which keeps the whole original string in
 * memory.
 */
const VIEW_CHARS = 13;

/** Trimming a longer list saves less than half of this. */
const TRIMMED_VALUES = 64;

/**
 * An open list, either of values or of alternating keys and values. `key` is set after a key was
 * read and before its value is read.
 */
interface Frame {
  readonly items: Dlist[] | undefined;
  readonly values: KeyValues | undefined;
  key: string | undefined;
}

/**
 * A table that stores each key once, because keys are few and recur with every record. Its size is
 * limited, so that a peer cannot fill memory with keys.
 */
const internedKeys = new Map<string, string>();
const mostInternedKeys = 1024;

function interned(key: string): string {
  const known = internedKeys.get(key);
  if (known !== undefined) return known;
  if (internedKeys.size < mostInternedKeys && key.length < 64) internedKeys.set(key, key);
  return key;
}

/** White space, parentheses and the double quote end an atom. So does NUL. */
const endsAtom = new Uint8Array(256);
for (const byte of [0, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x20, 0x22, 0x28, 0x29]) endsAtom[byte] = 1;

const literalHeader = /\{([0-9]{1,20})(\+?)\}$/y;
const fileHeader = /\{(?:([^ "{}()\\\0]+)|"([^"\\\0]*)") "?([0-9a-fA-F]{40})"? ([0-9]{1,20})\}$/y;

export class DlistScanner {
  #limits: Limits;
  readonly #frames: Frame[] = [];
  #bytesOfText: Buffer = Buffer.alloc(0);
  #text = '';
  #at = 0;
  /** The number of the line's bytes before the text. */
  #before = 0;
  /** Whether the text extends to the line's end. */
  #isWhole = true;
  /** The number of bytes from #at on that are known to belong to one unfinished atom. */
  #scanned = 0;
  #held = 0;
  #items = 0;
  /** The number of the command's bytes so far: lines and literals. */
  #bytes = 0;
  /** The number of values at which the scanner pauses next, so that other work can run. */
  #turnAt = VALUES_A_TURN;
  /** One more than the number of the command's lines so far, for error messages. */
  #line = 1;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** Sets other limits for what follows. */
  setLimits(limits: Limits): void {
    this.#limits = limits;
  }

  /**
   * Sets the line to read next, or the first part of that line. If the text has no LF, more parts
   * may follow.
   */
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

  /** Appends the line's next part. Undefined means that the line has no more parts. */
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

  /** Returns the unread rest of the line. */
  rest(): string {
    return this.#text.slice(this.#at);
  }

  /**
   * Reads a bare word, which may be empty, and one space after the word if there is one (getword).
   */
  word(): string {
    const start = this.#at;
    this.#skipAtom();
    const word = this.#text.slice(start, this.#at);
    if (this.#text.charCodeAt(this.#at) === 0x20) this.#at += 1;
    return word;
  }

  /** Throws unless the line ends here. */
  expectEnd(): void {
    if (this.#at !== this.#text.length) throw this.error('unexpected extra arguments');
  }

  error(what: string, kind: ErrorKind = 'syntax'): BackupError {
    const line = this.#line > 2 ? ` of line ${this.#line - 1}` : '';
    return new BackupError(kind, `${what}, at byte ${this.#before + this.#at}${line}`);
  }

  /** Reads `key value`, over as many lines and literals as needed. */
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

  /**
   * Reads until one of these: the outermost value is complete, more bytes are needed, or it is time
   * for a pause.
   */
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

  /** Returns false if the token continues in the line's next part. */
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
    const { length } = frame.items ?? frame.values!.flat;
    if (length > this.#limits.listItems)
      throw this.error(`a list of more than ${this.#limits.listItems} values`, 'limit');
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
    // A growing array has spare capacity, which the many records of a mailbox would keep.
    if (frame.values !== undefined) frame.values.flat = frame.values.flat.slice();
    else if (frame.items !== undefined && frame.items.length <= TRIMMED_VALUES)
      this.#replaceLast(frame.items.slice());
  }

  /** Replaces the value that was added last. */
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

  /** Returns undefined if the string continues in the line's next part. */
  #atom(): string | undefined {
    const start = this.#at;
    this.#at += this.#scanned;
    this.#scanned = 0;
    this.#skipAtom();
    if (!this.#isWhole && this.#at === this.#text.length) {
      this.#scanned = this.#at - start;
      this.#at = start;
      return undefined;
    }
    if (this.#at === start) {
      throw this.error(start === this.#text.length ? 'missing required argument' : 'a value is expected');
    }
    this.#checkString(this.#at - start);
    return this.#slice(start, this.#at);
  }

  /** Returns a part of the text without keeping all of the text in memory. */
  #slice(start: number, end: number): string {
    return end - start < VIEW_CHARS || this.#isShort()
      ? this.#text.slice(start, end)
      : this.#bytesOfText.toString('latin1', start, end);
  }

  /**
   * A short line may stay in memory as a whole: it takes no more memory than the line's values do.
   */
  #isShort(): boolean {
    return this.#text.length < AHEAD_BYTES;
  }

  #checkString(chars: number): void {
    if (chars <= this.#limits.literalBytes) return;
    throw this.error(`a string of more than ${this.#limits.literalBytes} bytes is over the limit`, 'limit');
  }

  /** Returns undefined if the string continues in the line's next part. */
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
    this.#turnAt -= VALUES_A_LITERAL;
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
    this.#turnAt -= VALUES_A_LITERAL;
    const size = Number(match[4]);
    if (this.#limits.messageBytes === 0) throw this.error('no file is expected here', 'bad-parameters');
    if (size > this.#limits.messageBytes) {
      throw this.error(`a file of ${size} bytes is over the limit`, 'limit');
    }
    return { need: 'file', file: new FileLiteral(match[1] ?? match[2] ?? '', match[3]!.toLowerCase(), size) };
  }
}
