/**
 * Buffers output, because a system call for each of a hundred thousand lines would be slow. The
 * buffer is written:
 *
 * - when it is large,
 * - when it has not been written for a long time,
 * - before anything goes to standard error,
 * - at the end.
 */
import type { CliIo } from '../../common/io.ts';

const GATHER_BYTES = 1 << 16;
const LONGEST_WAIT_MS = 200;

export interface GatheredIo extends CliIo {
  /** True once anything has been written to the underlying output. */
  readonly hasWritten: boolean;
  /** Discards what is buffered. */
  drop(): void;
  flush(): void;
}

export function gathered(io: CliIo): GatheredIo {
  let pieces: (string | Uint8Array)[] = [];
  let length = 0;
  let since = Date.now();
  let hasWritten = false;
  const drop = (): void => {
    pieces = [];
    length = 0;
    since = Date.now();
  };
  const flush = (): void => {
    hasWritten ||= length > 0;
    if (length > 0) io.stdout.write(joined(pieces));
    drop();
  };
  const stdout = {
    isTTY: io.stdout.isTTY === true,
    write(piece: string | Uint8Array): void {
      pieces.push(piece);
      length += piece.length;
      if (length >= GATHER_BYTES || Date.now() - since > LONGEST_WAIT_MS) flush();
    },
  };
  const stderr = {
    write(piece: string | Uint8Array): void {
      flush();
      io.stderr.write(piece);
    },
  };
  return {
    stdout,
    stderr,
    flush,
    drop,
    get hasWritten() {
      return hasWritten;
    },
  };
}

function joined(pieces: readonly (string | Uint8Array)[]): string | Buffer {
  if (pieces.every((piece) => typeof piece === 'string')) return pieces.join('');
  return Buffer.concat(pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece) : piece)));
}
