/**
 * Standard output of the tools. What is written has gone out whole when `write` returns, or the
 * process ends: Node's own stream drops what a nearly full disk did not take of a write (a short
 * write), and a dump that lacks its end would have exit code 0.
 */
import { writeSync } from 'node:fs';
import { Writable } from 'node:stream';
import { isatty } from 'node:tty';
import { exitCodeOf } from '../../errors.ts';

const RETRY_MS = 5;

class StandardOutput extends Writable {
  readonly isTTY = isatty(1);

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    try {
      writeWhole(1, chunk);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      // A reader that goes away (`list | head`) ends the tool quietly.
      if (code !== 'EPIPE') process.stderr.write(`standard output: ${message}\n`);
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
      // A pipe that somebody else has made non-blocking, and that is full.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
    }
  }
}

/** This process's streams, as the commands take them. */
export const processIo = {
  stdout: new StandardOutput(),
  get stdin(): NodeJS.ReadStream {
    return process.stdin;
  },
  get stderr(): NodeJS.WriteStream {
    return process.stderr;
  },
};
