/**
 * Where an archive is written to. A file takes its name only once the archive is whole: until
 * then it is `NAME.part`, which the next run replaces. Standard output is written as it comes.
 */
import { lstatSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { asBackupError, BackupError } from '../../../errors.ts';
import { ReplacementFile } from '../../../fs/replacementFile.ts';

export interface ArchiveOutput {
  write(bytes: Buffer): Promise<void>;
  /** All is on disk under its name, or handed on. */
  finish(): Promise<void>;
  abandon(): void;
}

/** Throws 'usage' where the file exists and is not to be replaced, or is no file. */
export function fileOutput(path: string, replaces: boolean): ArchiveOutput {
  requireFree(path, replaces);
  const file = new ReplacementFile(path, {
    temporary: `${path}.part`,
    like: lstatSync(path, { throwIfNoEntry: false }),
  });
  return {
    write: (bytes) => file.write(bytes),
    finish() {
      requireFree(path, replaces);
      return file.commit();
    },
    abandon: () => file.abandon(),
  };
}

function requireFree(path: string, replaces: boolean): void {
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there === undefined) return;
  if (!there.isFile()) {
    const kind = path.endsWith('.zip') ? 'zip' : 'tar';
    throw new BackupError('io', `${path} is not a regular file: use --to ${kind}:- and redirect the output`, {
      subject: path,
    });
  }
  if (replaces) return;
  throw new BackupError('io', `${path} exists: it was not touched; --existing replace writes it anew`, {
    subject: path,
  });
}

export function streamOutput(stream: Writable, name: string): ArchiveOutput {
  let failure: Error | undefined;
  stream.on('error', (error) => {
    failure ??= error;
  });
  return {
    write: (bytes) =>
      new Promise((resolve, reject) => {
        if (failure !== undefined) {
          reject(asBackupError(failure, name));
          return;
        }
        stream.write(bytes, (error) => (error == null ? resolve() : reject(asBackupError(error, name))));
      }),
    finish: () => (failure === undefined ? Promise.resolve() : Promise.reject(asBackupError(failure, name))),
    abandon: () => undefined,
  };
}

/**
 * A stream of an archiver on its way to the output. Once it fails, every later step fails in the
 * same way.
 */
export class Pump {
  readonly #done: Promise<void>;
  #failure: BackupError | undefined;
  #reject: ((error: unknown) => void) | undefined;

  constructor(from: AsyncIterable<unknown>, output: ArchiveOutput) {
    this.#done = this.#run(from, output);
  }

  /** Fails the step under way and all later ones. */
  fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = asBackupError(error, 'cannot write the archive');
    this.#reject?.(this.#failure);
  }

  /**
   * Waits for a step of the archiver, which never ends once the output has failed. One at a time.
   */
  during(step: (resolve: () => void, reject: (error: unknown) => void) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      if (this.#failure !== undefined) reject(this.#failure);
      else step(resolve, reject);
    });
  }

  /** All of it was taken by the output. */
  async end(): Promise<void> {
    await Promise.race([this.#done, this.during(() => undefined)]);
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #run(from: AsyncIterable<unknown>, output: ArchiveOutput): Promise<void> {
    try {
      for await (const chunk of from) {
        if (chunk instanceof Uint8Array) await this.#write(output, chunk);
      }
    } catch (error) {
      this.fail(error);
    }
  }

  /** The failure is known before the archiver hears of it and fails in words of its own. */
  async #write(output: ArchiveOutput, chunk: Uint8Array): Promise<void> {
    try {
      await output.write(Buffer.from(chunk));
    } catch (error) {
      this.fail(error);
      throw error;
    }
  }
}
