/**
 * A user's folder of a Maildir or mbox destination, with the small files beside the mail. A
 * marker file in it says whose it is and is locked while a restore writes there, so that two
 * users never share a folder and two restores do not disturb each other.
 */
import {
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { asBackupError, BackupError } from '../../errors.ts';
import { makeFolders, syncFolder } from '../../fs/folders.ts';
import { tryLock } from '../../fs/posixLock.ts';
import { replaceFile } from '../../fs/replaceFile.ts';
import { fileName } from '../../mailbox/fileName.ts';
import type { ItemAction, ItemOutcome } from '../report/outcome.ts';
import type { FormatOptions, SideFile } from './format.ts';

/**
 * In a Maildir a dot would make it look like a folder; among mboxes it must not look like one of
 * them.
 */
export const USER_MARKER = 'cyrus-backups-user';
export const HIDDEN_USER_MARKER = `.${USER_MARKER}`;

/** The user's folder: `{user}` in the root, else one below it. */
export function userPath(root: string, userid: string): string {
  const name = fileName(userid);
  return root.includes('{user}') ? root.replaceAll('{user}', () => name) : join(root, name);
}

export class UserFolder {
  readonly path: string;
  readonly #options: FormatOptions;
  readonly #lockFd: number | null;
  /**
   * Side files of this run: where one is, another must not go on a file system that ignores case.
   */
  readonly #written = new Map<string, string>();

  /**
   * Throws 'locked' where another restore writes there, 'io' where the folder is another user's.
   */
  constructor(path: string, userid: string, markerName: string, options: FormatOptions) {
    this.path = path;
    this.#options = options;
    const marker = join(path, markerName);
    try {
      if (options.isPlan) {
        this.#lockFd = null;
        if (existsSync(marker)) requireOwner(readFileSync(marker, 'latin1'), userid, path);
        return;
      }
      makeFolders(path);
      this.#lockFd = lockMarker(marker, userid, path);
    } catch (error) {
      throw asBackupError(error, path);
    }
  }

  /**
   * Writes the file as a whole. One that is there stays, but where it is the beginning of the new
   * content, which is what a broken restore left, where its lines are a set, or with `--existing
   * replace`.
   */
  sideFile({ kind, path, bytes, there: rule }: SideFile): ItemOutcome {
    const full = join(this.path, path);
    const outcome = (action: ItemAction, reason?: string): ItemOutcome =>
      reason === undefined ? { kind, name: path, action } : { kind, name: path, action, reason };
    const key = path.normalize('NFC').toLowerCase();
    const twin = this.#written.get(key);
    try {
      const old = lstatSync(full, { throwIfNoEntry: false });
      const there = old?.isFile() === true ? readFileSync(full) : null;
      if (twin !== undefined && twin !== path && there !== null) {
        return outcome('failed', `this file system takes its name for that of ${twin}`);
      }
      this.#written.set(key, path);
      if (there?.equals(bytes) === true) return outcome('same');
      let content = bytes;
      if (there !== null && rule === 'lines') {
        content = withLines(there, bytes);
        if (content.equals(there)) return outcome('same');
      } else if (there !== null && rule === 'stays' && this.#options.existing !== 'replace') {
        const isPart = there.length < bytes.length && bytes.subarray(0, there.length).equals(there);
        if (!isPart) return outcome('kept', 'another file has that name');
      }
      if (!this.#options.isPlan) {
        makeFolders(dirname(full));
        replaceFile(full, content);
      }
      return outcome('set');
    } catch (error) {
      return outcome('failed', asBackupError(error, full).message);
    }
  }

  close(): void {
    if (this.#lockFd !== null) closeSync(this.#lockFd);
  }
}

/** Opens, locks and, where it is new, writes the marker. */
function lockMarker(marker: string, userid: string, path: string): number {
  const fd = openSync(marker, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  try {
    if (!isLocked(fd)) {
      throw new BackupError('locked', `${path}: another restore is writing there: run it again later`);
    }
    const text = readFileSync(fd, 'latin1');
    if (!text.endsWith('\n')) {
      // New, or torn by a power cut.
      ftruncateSync(fd);
      writeSync(fd, Buffer.from(`${userid}\n`, 'latin1'), 0, null, 0);
      fsyncSync(fd);
      syncFolder(path);
    } else requireOwner(text, userid, path);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/**
 * A file system without locks, as some network file systems are, has nothing to keep others away
 * with.
 */
function isLocked(fd: number): boolean {
  try {
    return tryLock(fd, 'write');
  } catch (error) {
    if (error instanceof BackupError && error.kind === 'io') return true;
    throw error;
  }
}

function requireOwner(text: string, userid: string, path: string): void {
  if (text === `${userid}\n` || !text.endsWith('\n')) return;
  throw new BackupError(
    'io',
    `${path} is the folder of ${JSON.stringify(text.trimEnd())}: nothing was restored there`,
    { subject: userid },
  );
}

/** The lines that are there, and those of the others that are not. */
function withLines(there: Buffer, others: Buffer): Buffer {
  const lines = (bytes: Buffer): string[] => bytes.toString('latin1').split('\n').filter(Boolean);
  const all = new Set([...lines(there), ...lines(others)]);
  if (all.size === new Set(lines(there)).size) return there;
  return Buffer.from([...all].map((line) => `${line}\n`).join(''), 'latin1');
}
