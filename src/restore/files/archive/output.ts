/**
 * Outputs of an archive. An archive file gets its final name only when it is complete. Until then
 * its name is `NAME.part`, which the next run replaces. Data for standard output is written at
 * once.
 */
import type { Writable } from 'node:stream';
import { asBackupError, BackupError } from '../../../errors.ts';
import { disk } from '../../../fs/disk/current.ts';
import { ReplacementFile } from '../../../fs/replacementFile.ts';

export interface ArchiveOutput {
  write(bytes: Buffer): Promise<void>;
  /** Resolves once everything is on disk under its name, or written to the stream. */
  finish(): Promise<void>;
  abandon(): void;
}

/** Throws 'io' if the path exists and may not be replaced, or is not a regular file. */
export function fileOutput(path: string, replaces: boolean): ArchiveOutput {
  requireFree(path, replaces);
  const file = new ReplacementFile(path, {
    temporary: `${path}.part`,
    like: disk.lstat(path),
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
  const there = disk.lstat(path);
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
 * Copies an archiver's stream to the output. After one failure, every later step fails with the
 * same error.
 */
export class Pump {
  readonly #done: Promise<void>;
  #failure: BackupError | undefined;
  #reject: ((error: unknown) => void) | undefined;

  constructor(from: AsyncIterable<unknown>, output: ArchiveOutput) {
    this.#done = this.#run(from, output);
  }

  /** Fails the current step and all later ones. */
  fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = asBackupError(error, 'cannot write the archive');
    this.#reject?.(this.#failure);
  }

  /**
   * Waits for a step of the archiver, which would never end once the output has failed. Only one
   * step may run at a time.
   */
  during(step: (resolve: () => void, reject: (error: unknown) => void) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      if (this.#failure !== undefined) reject(this.#failure);
      else step(resolve, reject);
    });
  }

  /** Resolves once the output has taken everything. */
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

  /** Records the failure first: otherwise the archiver would report it as an error of its own. */
  async #write(output: ArchiveOutput, chunk: Uint8Array): Promise<void> {
    try {
      await output.write(Buffer.from(chunk));
    } catch (error) {
      this.fail(error);
      throw error;
    }
  }
}
