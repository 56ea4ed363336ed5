/**
 * Framing, apart from grammar: what tells where a command ends even when its grammar is broken.
 *
 * A command is lines. A line that ends with `{n}`, `{n+}` or `%{partition guid n}` is followed by n bytes and then
 * by another line of the same command; any other line is its last. This holds for every command, known or not, so
 * a bad one costs itself and the session stays in step.
 */
import { BackupError } from '../errors.ts';
import type { ErrorDetail, ErrorKind } from '../errors.ts';

/** Thrown where nobody can know any more which bytes start the next command: close the connection. */
export class FramingError extends BackupError {
  constructor(kind: ErrorKind, message: string, detail: ErrorDetail = {}) {
    super(kind, message, detail);
    this.name = 'FramingError';
  }
}

/** Thrown by a source whose line is over the limit, with the line read to its end: only its last bytes are kept. */
export class LineTooLongError extends BackupError {
  readonly tail: Buffer;

  constructor(limitBytes: number, tail: Buffer) {
    super('limit', `a line is longer than ${limitBytes} bytes`);
    this.name = 'LineTooLongError';
    this.tail = tail;
  }
}

/** What follows a line. */
export interface Continuation {
  readonly size: number;
  readonly isFile: boolean;
  /** The peer may be waiting for a go-ahead before it sends the bytes: `{n}` without a plus. */
  readonly synchronizing: boolean;
}

/** So many bytes of a line's end are enough to recognize a continuation with any partition name in use. */
export const tailBytes = 512;

// An atom may hold a brace after its first byte (getxstring), so a literal's starts a token.
const continuation = /(?:(%)\{[^{}\r\n]{1,400} |(?:^|[ \t()"])\{)([0-9]{1,20})(\+?)\}\r?\n?$/;

/** What follows the line, given the line or its last `tailBytes` bytes; undefined where the command ends here. */
export function continuationOf(line: Buffer): Continuation | undefined {
  let last = line.length - 1;
  if (line[last] === 0x0a) last -= 1;
  if (line[last] === 0x0d) last -= 1;
  if (line[last] !== 0x7d) return undefined;
  const match = continuation.exec(line.toString('latin1', Math.max(0, line.length - tailBytes), line.length));
  if (match === null) return undefined;
  const isFile = match[1] !== undefined;
  if (isFile && match[3] === '+') return undefined;
  return { size: Number(match[2]), isFile, synchronizing: !isFile && match[3] === '' };
}
