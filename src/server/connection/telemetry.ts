/**
 * Telemetry records a user's sessions byte for byte, to find faults. As in Cyrus (imap/telemetry.c,
 * lib/prot.c), it is on for a user if the folder CONFIGDIRECTORY/log/USER exists when a session
 * logs in. An administrator can thus switch it for the next session without a restart. `<time<`
 * precedes input from the peer, `>time>` precedes output.
 *
 * Promises:
 *
 * - No password is recorded: telemetry begins after the login, and blots out any later
 *   AUTHENTICATE.
 * - No command waits for telemetry. If the disk is too slow, pieces are left out, and the file says
 *   so.
 * - After a write error nothing more is recorded.
 */
import { createWriteStream } from 'node:fs';
import type { WriteStream } from 'node:fs';
import { join } from 'node:path';
import { disk } from '../../fs/disk/current.ts';
import { openForAppending } from '../../fs/open.ts';

/** The most data of one session, in bytes, that may wait for the disk. */
const BUFFER_BYTES = 4 << 20;
const NEWLINE = 0x0a;
const SECRET = 'AUTHENTICATE ';
const BLOT = Buffer.from('[not logged]');

/**
 * Counts the sessions in this process. The number is part of the file's name, where Cyrus uses the
 * number of the session's process.
 */
let sessions = 0;

/** Returns the folder for a user's telemetry, or null if there is none. */
function directoryOf(logDirectory: string, user: string): string | null {
  if (user === '' || user.startsWith('.') || /[/\0]/.test(user)) return null;
  const directory = join(logDirectory, user);
  return disk.stat(directory)?.isDirectory() === true ? directory : null;
}

/** Copies a peer's bytes without the arguments of AUTHENTICATE, wherever the pieces are cut. */
class Blotter {
  /** The beginning of the current line, kept while the line may still be an AUTHENTICATE. */
  #head = '';
  #isSecret = false;

  /** Returns the part of `piece` that may be recorded, which is usually all of it. */
  copy(piece: Buffer): Buffer {
    let shown: Buffer[] | null = null;
    let from = 0;
    for (let at = 0; at < piece.length;) {
      const end = piece.indexOf(NEWLINE, at);
      const stop = end === -1 ? piece.length : end;
      const secretAt = this.#secretFrom(piece, at, stop);
      if (secretAt !== -1) {
        shown ??= [];
        shown.push(piece.subarray(from, secretAt), BLOT);
        from = stop;
      }
      if (end === -1) break;
      this.#head = '';
      this.#isSecret = false;
      at = end + 1;
    }
    return shown === null ? piece : Buffer.concat([...shown, piece.subarray(from)]);
  }

  /**
   * Returns the offset from which this part of a line must not be recorded, or -1 if all of it may.
   */
  #secretFrom(piece: Buffer, at: number, stop: number): number {
    if (this.#isSecret) return at;
    if (this.#head.length >= SECRET.length) return -1;
    const before = this.#head.length;
    this.#head += piece.toString('latin1', at, Math.min(stop, at + SECRET.length - before)).toUpperCase();
    if (!SECRET.startsWith(this.#head)) this.#head = '-'.repeat(SECRET.length);
    this.#isSecret = this.#head === SECRET;
    return this.#isSecret ? at + SECRET.length - before : -1;
  }
}

export class Telemetry {
  readonly #file: WriteStream;
  readonly #blotter = new Blotter();
  #leftOutBytes = 0;
  #isBroken = false;

  private constructor(path: string, user: string, onFailure: (error: Error) => void) {
    // The file contains mail, so nobody else may read it. Cyrus creates it with mode 0644.
    this.#file = createWriteStream(path, { fd: openForAppending(path), highWaterMark: BUFFER_BYTES });
    this.#file.on('error', (error) => {
      this.#isBroken = true;
      onFailure(error);
    });
    this.#file.write(`---------- ${user} ${new Date().toString()}\n`);
  }

  /**
   * Returns null if the user has no telemetry folder. Calls onFailure once if a later write fails.
   */
  static begin(logDirectory: string, user: string, onFailure: (error: Error) => void): Telemetry | null {
    const directory = directoryOf(logDirectory, user);
    if (directory === null) return null;
    sessions += 1;
    return new Telemetry(join(directory, `backupd-${process.pid}-${sessions}`), user, onFailure);
  }

  /** Records data from the peer. */
  received(piece: Buffer): void {
    this.#write('<', this.#blotter.copy(piece));
  }

  /** Records data to the peer. */
  sent(piece: Buffer): void {
    this.#write('>', piece);
  }

  end(): void {
    if (!this.#isBroken) this.#file.end();
  }

  #write(direction: '<' | '>', piece: Buffer): void {
    if (this.#isBroken) return;
    if (this.#file.writableLength + piece.length > BUFFER_BYTES) {
      this.#leftOutBytes += piece.length;
      return;
    }
    if (this.#leftOutBytes > 0) this.#file.write(`\n---------- ${this.#leftOutBytes} bytes were left out\n`);
    this.#leftOutBytes = 0;
    this.#file.write(`${direction}${Math.floor(Date.now() / 1000)}${direction}`);
    this.#file.write(piece);
  }
}
