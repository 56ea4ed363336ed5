/** The messages that a Maildir folder already holds, each proven by the SHA-1 of its file. */
import { basename } from 'node:path';
import { BackupError } from '../../../errors.ts';
import { disk } from '../../../fs/disk/current.ts';
import { readSyncInto, sha1OfRange } from '../../../fs/io.ts';
import { openRegular } from '../../../fs/open.ts';
import type { SourceRecord } from '../../source.ts';
import type { HeldMessages } from '../format.ts';
import { guidInName } from './names.ts';

export class MaildirHeld implements HeldMessages {
  /** Paths by the GUID in their file names. */
  readonly #files = new Map<string, string[]>();
  readonly #notes: string[];
  #torn: string[] = [];

  constructor(files: Iterable<string>, notes: string[]) {
    this.#notes = notes;
    for (const file of files) {
      const guid = guidInName(basename(file));
      if (guid === undefined) continue;
      const others = this.#files.get(guid);
      if (others === undefined) this.#files.set(guid, [file]);
      else others.push(file);
    }
  }

  /**
   * Reports whether the message is there. A file that is only the message's beginning was left by
   * an interrupted restore, and is replaced. Any other differing file was changed by somebody: it
   * is kept and reported, and the message is added again.
   */
  take(record: SourceRecord, pieces: () => Iterable<Buffer>): boolean {
    const files = this.#files.get(record.guid) ?? [];
    for (let file = files.shift(); file !== undefined; file = files.shift()) {
      const found = compare(file, record, pieces);
      if (found === 'whole') return true;
      if (found === 'torn') this.#torn.push(file);
      else if (found === 'other') this.#notes.push(`${file} is not the message that it was: left as it is`);
    }
    return false;
  }

  /** Returns files to be removed once their messages are completely written. */
  takeTorn(): string[] {
    const torn = this.#torn;
    this.#torn = [];
    return torn;
  }
}

type Found = 'whole' | 'torn' | 'other' | 'gone';

function compare(file: string, record: SourceRecord, pieces: () => Iterable<Buffer>): Found {
  let fd: number;
  try {
    fd = openRegular(file, 'read');
  } catch (error) {
    if (error instanceof BackupError && error.kind === 'not-found') return 'gone';
    if (error instanceof BackupError && error.kind === 'damaged') return 'other';
    throw error;
  }
  try {
    const { size } = disk.fstat(fd);
    if (size === record.size && sha1OfRange(fd, 0, size) === record.guid) return 'whole';
    return size < record.size && isBeginning(fd, size, pieces) ? 'torn' : 'other';
  } finally {
    disk.close(fd);
  }
}

/**
 * Reports whether the message begins with the bytes of the file; false if the backup cannot tell.
 */
function isBeginning(fd: number, sizeBytes: number, pieces: () => Iterable<Buffer>): boolean {
  if (sizeBytes === 0) return true;
  let at = 0;
  try {
    for (const piece of pieces()) {
      const length = Math.min(piece.length, sizeBytes - at);
      const bytes = Buffer.alloc(length);
      if (readSyncInto(fd, bytes, 0, length, at) < length) return false;
      if (!bytes.equals(piece.subarray(0, length))) return false;
      at += length;
      if (at >= sizeBytes) return true;
    }
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
  }
  return false;
}
