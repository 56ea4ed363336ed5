/**
 * Output in large pieces: a hundred thousand lines are as many system calls else. What waits is written when it is large,
 * when it has waited for long, before anything goes to standard error, and at the end.
 */
import type { CliIo } from './io.ts';

const GATHER_CHARS = 1 << 16;
const LONGEST_WAIT_MS = 200;

export interface GatheredIo extends CliIo {
  flush(): void;
}

export function gathered(io: CliIo): GatheredIo {
  let text = '';
  let since = Date.now();
  const flush = (): void => {
    if (text !== '') io.stdout.write(text);
    text = '';
    since = Date.now();
  };
  const stdout = {
    write(piece: string | Uint8Array): void {
      text += typeof piece === 'string' ? piece : Buffer.from(piece).toString();
      if (text.length >= GATHER_CHARS || Date.now() - since > LONGEST_WAIT_MS) flush();
    },
  };
  const stderr = {
    write(piece: string | Uint8Array): void {
      flush();
      io.stderr.write(piece);
    },
  };
  return { stdout, stderr, flush };
}
