/**
 * Framing, independent of the grammar: finds the end of a command even if its grammar is broken.
 *
 * A command consists of lines. A line that ends with `{n}`, `{n+}` or `%{partition guid n}` is
 * followed by n bytes and then by another line of the same command. Any other line is the last.
 * This holds for every command, known or unknown. A bad command therefore fails alone, and the
 * session stays in step.
 */
import { BackupError } from '../errors.ts';
import type { ErrorDetail, ErrorKind } from '../errors.ts';

/** Thrown when the start of the next command can no longer be determined: close the connection. */
export class FramingError extends BackupError {
  constructor(kind: ErrorKind, message: string, detail: ErrorDetail = {}) {
    super(kind, message, detail);
    this.name = 'FramingError';
  }
}

/**
 * Thrown by a source when a line is over the limit. The line was read to its end, and only its last
 * bytes were kept.
 */
export class LineTooLongError extends BackupError {
  readonly tail: Buffer;

  constructor(limitBytes: number, tail: Buffer) {
    super('limit', `a line is longer than ${limitBytes} bytes`);
    this.name = 'LineTooLongError';
    this.tail = tail;
  }
}

/** What follows a line of a command. */
export interface Continuation {
  readonly size: number;
  readonly isFile: boolean;
  /**
   * Whether the peer may wait for a go-ahead before it sends the bytes: it sent `{n}` without a
   * plus.
   */
  readonly synchronizing: boolean;
}

/**
 * This many bytes of a line's end suffice to recognize a continuation with any partition name in
 * use.
 */
export const tailBytes = 512;

// An atom may contain a brace after its first byte (getxstring), so a literal's brace must start a
// token.
const continuation = /(?:(%)\{[^{}\r\n]{1,400} |(?:^|[ \t()"])\{)([0-9]{1,20})(\+?)\}\r?\n?$/;

/**
 * Returns what follows a line. `line` may also be only the line's last `tailBytes` bytes. Returns
 * undefined if the command ends here.
 */
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
