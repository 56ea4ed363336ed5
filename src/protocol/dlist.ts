/**
 * Values of Cyrus' sync protocol: the types of a parsed dlist, and the getters for its keys.
 *
 * A string is a byte string (latin1: one UTF-16 unit per byte), whether it arrived as an atom, as a
 * quoted string or as a literal. Masters choose the form by content alone, so the form carries no
 * meaning. Flags have their own type because they are printed raw (cyrus-imapd imap/dlist.c,
 * DL_FLAG). NIL has its own value because it is not the empty string.
 *
 * The getters throw BackupError `bad-parameters` and name the key, so that a command's code reads
 * like its grammar.
 */
import { BackupError } from '../errors.ts';

export type Dlist = null | string | Flag | Dlist[] | KeyValues | FileLiteral;

const internedFlags = new Map<string, Flag>();

/** A bare token that starts with a backslash, such as `\Seen`. */
export class Flag {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  /**
   * Returns the shared object for a system flag. Any other flag gets a new object, so that a peer
   * cannot fill memory with names.
   */
  static of(name: string): Flag {
    return internedFlags.get(name) ?? new Flag(name);
  }
}

for (const name of ['\\Seen', '\\Answered', '\\Flagged', '\\Deleted', '\\Draft', '\\Expunged']) {
  internedFlags.set(name, new Flag(name));
}

/**
 * A list `%(key value ...)`, in the order sent. If a key occurs twice, the first one counts, as in
 * dlist_getchild. Keys and values share one array to save memory: a mailbox's line holds one such
 * list for each message.
 */
export class KeyValues {
  /** Alternating: key, value, key, value, ... */
  flat: Dlist[];

  constructor(entries: readonly (readonly [key: string, value: Dlist])[] = []) {
    this.flat = [];
    for (const [key, value] of entries) this.flat.push(key, value);
  }

  get entries(): [key: string, value: Dlist][] {
    const entries: [string, Dlist][] = [];
    for (let at = 0; at < this.flat.length; at += 2)
      entries.push([this.flat[at] as string, this.flat[at + 1] as Dlist]);
    return entries;
  }

  get(key: string): Dlist | undefined {
    for (let at = 0; at < this.flat.length; at += 2) {
      if (this.flat[at] === key) return this.flat[at + 1];
    }
    return undefined;
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }
}

/**
 * A file `%{partition guid size}`: a message or script. The file's bytes follow the line. They are
 * streamed, never held in memory.
 */
export class FileLiteral {
  readonly partition: string;
  /** SHA-1 of the bytes: 40 lower-case hex digits. */
  readonly guid: string;
  /** In bytes. */
  readonly size: number;
  /**
   * Offset of the file's first byte in the log's chunk, set by readLogLine. -1 if the file came
   * from a socket.
   */
  position = -1;

  constructor(partition: string, guid: string, size: number) {
    this.partition = partition;
    this.guid = guid;
    this.size = size;
  }
}

function wrong(key: string, expected: string): BackupError {
  return new BackupError('bad-parameters', `${key}: ${expected}`, { subject: key });
}

/** Returns the key's string. Refuses an absent key, NIL and any other type. */
export function getString(values: KeyValues, key: string): string {
  const value = values.get(key);
  if (typeof value !== 'string') throw wrong(key, value === undefined ? 'missing' : 'a string is expected');
  return value;
}

function isAbsent(values: KeyValues, key: string): boolean {
  return (values.get(key) ?? null) === null;
}

/** Like getString, but returns undefined if the key is absent or NIL. */
export function optionalString(values: KeyValues, key: string): string | undefined {
  return isAbsent(values, key) ? undefined : getString(values, key);
}

/** Parses a decimal number of at most 2^53 - 1. An error's message names `where`. */
export function toNumber(value: Dlist | undefined, where: string): number {
  if (typeof value !== 'string' || !/^[0-9]{1,16}$/.test(value)) {
    throw wrong(where, value === undefined ? 'missing' : 'a number is expected');
  }
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw wrong(where, 'the number is too large');
  return number;
}

export function getNumber(values: KeyValues, key: string): number {
  return toNumber(values.get(key), key);
}

export function optionalNumber(values: KeyValues, key: string): number | undefined {
  return isAbsent(values, key) ? undefined : getNumber(values, key);
}

/** Returns a number of up to 64 bits: modseqs and conversation ids may exceed 2^53. */
export function getBigInt(values: KeyValues, key: string): bigint {
  const digits = getString(values, key);
  if (!/^[0-9]{1,20}$/.test(digits)) throw wrong(key, 'a number is expected');
  const number = BigInt(digits);
  if (number >= 1n << 64n) throw wrong(key, 'the number is too large');
  return number;
}

export function optionalBigInt(values: KeyValues, key: string): bigint | undefined {
  return isAbsent(values, key) ? undefined : getBigInt(values, key);
}

export function getList(values: KeyValues, key: string): Dlist[] {
  const value = values.get(key);
  if (!Array.isArray(value)) throw wrong(key, value === undefined ? 'missing' : 'a list is expected');
  return value;
}

export function optionalList(values: KeyValues, key: string): Dlist[] | undefined {
  return isAbsent(values, key) ? undefined : getList(values, key);
}

/** Returns the value as a list `%( )`. An error's message names `where`. */
export function toKeyValues(value: Dlist | undefined, where: string): KeyValues {
  if (!(value instanceof KeyValues)) throw wrong(where, 'a key-value list is expected');
  return value;
}

/** Returns the value as a list of strings, such as mailbox names or GUIDs. */
export function toStrings(value: Dlist | undefined, where: string): string[] {
  if (!Array.isArray(value)) throw wrong(where, value === undefined ? 'missing' : 'a list is expected');
  for (const item of value) {
    if (typeof item !== 'string') throw wrong(where, 'a list of strings is expected');
  }
  return value as string[];
}

export function getStrings(values: KeyValues, key: string): string[] {
  return toStrings(values.get(key), key);
}

/** Returns the value as a list of lists `%( )`, such as RECORD and ANNOTATIONS. */
export function toKeyValuesList(value: Dlist | undefined, where: string): KeyValues[] {
  if (!Array.isArray(value)) throw wrong(where, value === undefined ? 'missing' : 'a list is expected');
  return value.map((item) => toKeyValues(item, where));
}
