/**
 * Writes messages into one Maildir folder: first to tmp, then synced and renamed to cur in batches.
 */
import { dirname, join } from 'node:path';
import { asBackupError, BackupError } from '../../../errors.ts';
import { disk } from '../../../fs/disk/current.ts';
import type { FileStats } from '../../../fs/disk/disk.ts';
import { syncFolder } from '../../../fs/folders.ts';
import { syncAll, writeAll } from '../../../fs/io.ts';
import { giveOwner } from '../../../fs/keepOwner.ts';
import { lstatExisting, removeFile } from '../../../fs/names.ts';
import { createExclusively } from '../../../fs/open.ts';
import type { Loss, OutgoingMessage } from '../format.ts';

/** The latest time on file systems with 32-bit times. */
const SAFE_TIME = 0x7fff_ffff;

interface Waiting {
  readonly fd: number;
  readonly temporary: string;
  readonly path: string;
}

export class MaildirQueue {
  readonly #folder: string;
  #waiting: Waiting[] = [];
  /** The folder's owner, who gets the new files when restore runs as root. */
  #owner: FileStats | undefined;
  /** The error of a failed sync: a later successful sync would prove nothing. */
  #failure: BackupError | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Writes a message to tmp. Returns what the file system could not hold. */
  async write(message: OutgoingMessage, unique: string, name: string): Promise<Loss[]> {
    const temporary = join(this.#folder, 'tmp', unique);
    let fd: number | undefined;
    try {
      fd = createExclusively(temporary);
      this.#owner ??= lstatExisting(this.#folder);
      giveOwner(fd, this.#owner);
      let at = 0;
      for (const piece of message.pieces()) {
        await writeAll(fd, [piece], at);
        at += piece.length;
      }
      const left = setTime(fd, message.record.internaldate);
      this.#waiting.push({ fd, temporary, path: join(this.#folder, 'cur', name) });
      return left;
    } catch (error) {
      if (fd !== undefined) {
        disk.close(fd);
        removeFile(temporary);
      }
      throw named(error, this.#folder);
    }
  }

  /** Syncs all waiting files and renames them to cur. Then removes the files that they replace. */
  async commit(replaced: readonly string[]): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#waiting.length === 0) return;
    try {
      await Promise.all(this.#waiting.map(({ fd }) => syncAll(fd)));
      for (const { temporary, path } of this.#waiting) disk.rename(temporary, path);
      syncFolder(join(this.#folder, 'cur'));
      for (const path of replaced) removeFile(path);
      for (const folder of new Set(replaced.map((path) => dirname(path)))) syncFolder(folder);
      for (const { fd } of this.#waiting) disk.close(fd);
      this.#waiting = [];
    } catch (error) {
      this.#failure = named(error, this.#folder);
      throw this.#failure;
    }
  }

  abandon(): void {
    for (const { fd, temporary } of this.#waiting) {
      disk.close(fd);
      removeFile(temporary);
    }
    this.#waiting = [];
  }
}

function setTime(fd: number, internaldate: number): Loss[] {
  const ns = BigInt(internaldate) * 1_000_000_000n;
  disk.setTimes(fd, { accessedNs: ns, modifiedNs: ns });
  if (internaldate >= 0 && internaldate <= SAFE_TIME) return [];
  if (Math.floor(disk.fstat(fd).mtimeMs / 1000) === internaldate) return [];
  return [{ what: `date ${internaldate} s since 1970`, why: 'the file system cannot hold it' }];
}

function named(error: unknown, folder: string): BackupError {
  const { kind, message, cause } = asBackupError(error, 'cannot write a message');
  if (message.includes(folder)) return asBackupError(error, folder);
  return new BackupError(kind, `${folder}: ${message}`, { cause });
}
