/**
 * Standard output of the tools. `write` returns only when everything has been written; if that
 * fails, the process ends. Node's own stream drops the rest of a short write on a nearly full disk,
 * so a truncated dump would end with exit code 0.
 */
import { writeSync } from 'node:fs';
import { Writable } from 'node:stream';
import { isatty } from 'node:tty';
import { exitCodeOf, systemReason } from '../../errors.ts';

const RETRY_MS = 5;

class StandardOutput extends Writable {
  readonly isTTY = isatty(1);

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    try {
      writeWhole(1, chunk);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // If the reader goes away (`list | head`), the tool ends quietly.
      if (code !== 'EPIPE') process.stderr.write(`standard output: ${systemReason(error)}\n`);
      process.exit(exitCodeOf.io);
    }
    done();
  }
}

function writeWhole(fd: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      // The pipe is full, and another process has made it non-blocking.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
    }
  }
}

/** This process's streams, in the form that commands expect. */
export const processIo = {
  stdout: new StandardOutput(),
  get stdin(): NodeJS.ReadStream {
    return process.stdin;
  },
  get stderr(): NodeJS.WriteStream {
    return process.stderr;
  },
};
