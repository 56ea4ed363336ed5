/**
 * Telemetry: what a user's sessions say and hear, byte for byte, for whoever looks for a fault. As in Cyrus (imap/telemetry.c,
 * lib/prot.c) it is on for a user where the directory CONFIGDIRECTORY/log/USER exists when a session logs in: so it is switched
 * without a restart, for the next session. What the peer sent stands behind `<time<`, what it was told behind `>time>`.
 *
 * Promises: it begins behind the login, and an AUTHENTICATE that comes later is blotted out, so no password gets in; no
 * command waits for it, and where the disk cannot keep up, or refuses, pieces are left out and that is said in the file.
 */
import { createWriteStream, statSync } from 'node:fs';
import type { WriteStream } from 'node:fs';
import { join } from 'node:path';
import { openForAppending } from '../../fs/open.ts';

/** What may wait for the disk, of one session. */
const BUFFER_BYTES = 4 << 20;
const NEWLINE = 0x0a;
const SECRET = 'AUTHENTICATE ';
const BLOT = Buffer.from('[not logged]');

/** In this process; part of the file's name, which in Cyrus has but a process for each session. */
let sessions = 0;

/** The directory of a user's telemetry, or null where there is none. */
function directoryOf(logDirectory: string, user: string): string | null {
  if (user === '' || user.startsWith('.') || /[/\0]/.test(user)) return null;
  const directory = join(logDirectory, user);
  return statSync(directory, { throwIfNoEntry: false })?.isDirectory() === true ? directory : null;
}

/** Copies a peer's bytes with the arguments of AUTHENTICATE left out, wherever the pieces are cut. */
class Blotter {
  /** The beginning of the line at hand, as far as it may still become the secret's. */
  #head = '';
  #isSecret = false;

  /** `piece`, or what may be shown of it. */
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

  /** From where on the stretch of one line must not be shown; -1 where all of it may. */
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
    // Mail is in it: for nobody else to read, where Cyrus makes it 0644.
    this.#file = createWriteStream(path, { fd: openForAppending(path), highWaterMark: BUFFER_BYTES });
    this.#file.on('error', (error) => {
      this.#isBroken = true;
      onFailure(error);
    });
    this.#file.write(`---------- ${user} ${new Date().toString()}\n`);
  }

  /** Null where the user has no such directory. What the file then refuses goes to onFailure, once. */
  static begin(logDirectory: string, user: string, onFailure: (error: Error) => void): Telemetry | null {
    const directory = directoryOf(logDirectory, user);
    if (directory === null) return null;
    sessions += 1;
    return new Telemetry(join(directory, `backupd-${process.pid}-${sessions}`), user, onFailure);
  }

  /** From the peer. */
  received(piece: Buffer): void {
    this.#write('<', this.#blotter.copy(piece));
  }

  /** To the peer. */
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
