/**
 * The grammar of a command, of a log line and of a server's answer, each as one synchronous
 * generator. A generator yields what it needs: a line, n bytes, or a file to be streamed. It does
 * not know where that comes from, so the same code reads a socket (driver.ts) and a data file
 * (logDriver.ts).
 *
 *   command  = verb SP key SP dlist CRLF          GET, APPLY, RESTORE, SET, FETCH
 *            | verb *(SP word) CRLF               all others
 *   log line = unix-seconds SP verb SP key SP dlist CRLF
 *            | "#" comment CRLF
 *   answer   = "*" SP key SP dlist CRLF
 *            | "*" SP text CRLF
 *            | [tag SP] ("OK"|"NO"|"BAD"|"BYE") SP text CRLF
 *            | "+" SP text CRLF
 *
 * Errors are BackupError `syntax` or `limit`, with the verb as their subject.
 */
import { BackupError } from '../errors.ts';
import type { Dlist } from './dlist.ts';
import { limitsOfGet } from './limits.ts';
import type { Limits } from './limits.ts';
import { DlistScanner } from './scanner.ts';
import type { Need } from './need.ts';

export interface WireCommand {
  /** In upper case. Empty for an empty line. */
  readonly verb: string;
  /** The dlist's key in upper case, such as MAILBOX. Null if no dlist follows the verb. */
  readonly name: string | null;
  /** The dlist's value. Undefined if no dlist follows the verb. */
  readonly value: Dlist | undefined;
  /** The words after a verb without a dlist: AUTHENTICATE, COMPRESS, and every unknown verb. */
  readonly args: readonly string[];
}

export interface LogLine {
  /** Unix seconds. */
  readonly time: number;
  readonly verb: string;
  readonly name: string;
  readonly value: Dlist;
}

export type Answer =
  | { readonly kind: 'item'; readonly name: string; readonly value: Dlist }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'continuation'; readonly text: string }
  | { readonly kind: 'status'; readonly status: string; readonly text: string };

type Grammar<T> = Generator<Need, T, Buffer | undefined>;

const needLine: Need = { need: 'line' };

const dlistVerbs: ReadonlySet<string> = new Set(['GET', 'APPLY', 'RESTORE', 'SET', 'FETCH']);

/** Reports whether a dlist follows the verb. */
export function takesDlist(verb: string): boolean {
  return dlistVerbs.has(verb);
}

function named(error: unknown, subject: string): unknown {
  if (!(error instanceof BackupError) || error.subject !== undefined) return error;
  return new BackupError(error.kind, `${subject}: ${error.message}`, { subject, cause: error });
}

/** Reads one command, starting with its first line. */
export function* wireCommand(limits: Limits): Grammar<WireCommand> {
  const scanner = new DlistScanner(limits);
  const line = yield needLine;
  scanner.setLine(line ?? Buffer.alloc(0));
  const verb = scanner.word().toUpperCase();
  if (!dlistVerbs.has(verb)) {
    const args = scanner.rest().split(' ');
    return { verb, name: null, value: undefined, args: args.filter((word) => word !== '') };
  }
  if (verb === 'GET') scanner.setLimits(limitsOfGet(limits));
  try {
    const [key, value] = yield* scanner.item();
    scanner.expectEnd();
    return { verb, name: key.toUpperCase(), value, args: [] };
  } catch (error) {
    throw named(error, verb);
  }
}

/** Reads the next line that is not a comment. Returns null if the input ends first. */
export function* logLine(limits: Limits): Grammar<LogLine | null> {
  const scanner = new DlistScanner(limits);
  for (;;) {
    const line = yield needLine;
    if (line === undefined) return null;
    if (line[0] === 0x23) continue;
    scanner.setLine(line);
    const seconds = scanner.word();
    if (!/^[0-9]{1,12}$/.test(seconds)) throw scanner.error('a log line starts with its unix time');
    const verb = scanner.word().toUpperCase();
    try {
      const [key, value] = yield* scanner.item();
      scanner.expectEnd();
      return { time: Number(seconds), verb, name: key.toUpperCase(), value };
    } catch (error) {
      throw named(error, verb);
    }
  }
}

/** Untagged answers that hold prose or capabilities, not a dlist. */
const textAnswers =
  /^(?:OK|NO|BAD|BYE|PREAUTH|SASL|STARTTLS|COMPRESS|CAPABILITY|LIST|SIEVE-MAILBOX|REPLICATION-ARCHIVE)\b/i;

/**
 * Reads one line of a server's answer. `tag` is the tag of an IMAP command, and empty for csync.
 */
export function* serverAnswer(limits: Limits, tag: string): Grammar<Answer> {
  const scanner = new DlistScanner(limits);
  scanner.setLine((yield needLine) ?? Buffer.alloc(0));
  let word = scanner.word();
  if (word === '+') return { kind: 'continuation', text: scanner.rest() };
  if (word === '*') {
    const text = scanner.rest();
    if (textAnswers.test(text)) return { kind: 'text', text };
    const [key, value] = yield* scanner.item();
    scanner.expectEnd();
    return { kind: 'item', name: key.toUpperCase(), value };
  }
  if (tag !== '') {
    if (word !== tag) throw scanner.error(`tag ${tag} is expected`);
    word = scanner.word();
  }
  if (!/^(?:OK|NO|BAD|BYE)$/.test(word)) throw scanner.error('OK, NO, BAD or BYE is expected');
  return { kind: 'status', status: word, text: scanner.rest() };
}
