/**
 * A file that is written from its start to its end and synced when the writer says so. As root, it
 * is given to the owner of its folder.
 */
import { dirname } from 'node:path';
import { asBackupError } from '../../errors.ts';
import { disk } from '../disk/current.ts';
import { syncFolder } from '../folders.ts';
import { writeAllSync } from '../io.ts';
import { giveOwner } from '../keepOwner.ts';
import { lstatExisting } from '../names.ts';
import { createExclusively, openRegular } from '../open.ts';

export class AppendedFile {
  readonly path: string;
  readonly #fd: number;
  #sizeBytes: number;

  private constructor(path: string, fd: number) {
    this.path = path;
    this.#fd = fd;
    this.#sizeBytes = disk.fstat(fd).size;
  }

  /** Creates the file with mode 0600. Throws 'io' if something has this name. */
  static create(path: string): AppendedFile {
    try {
      const fd = createExclusively(path);
      giveOwner(fd, lstatExisting(dirname(path)));
      syncFolder(dirname(path));
      return new AppendedFile(path, fd);
    } catch (error) {
      throw asBackupError(error, path);
    }
  }

  /** Opens an existing file, to write behind what it holds. */
  static continue(path: string): AppendedFile {
    return new AppendedFile(path, openRegular(path, 'read-write'));
  }

  append(text: string): void {
    const bytes = Buffer.from(text);
    try {
      writeAllSync(this.#fd, bytes, this.#sizeBytes);
    } catch (error) {
      throw asBackupError(error, this.path);
    }
    this.#sizeBytes += bytes.length;
  }

  sync(): void {
    disk.fdatasync(this.#fd);
  }

  close(): void {
    disk.close(this.#fd);
  }
}
