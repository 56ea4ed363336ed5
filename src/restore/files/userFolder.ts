/**
 * A user's folder in a Maildir or mbox destination, with the small files beside the mail. A marker
 * file names the folder's user and is locked during a restore. So two users never share a folder,
 * and concurrent restores cannot interfere.
 */
import { dirname, join } from 'node:path';
import { asBackupError, BackupError } from '../../errors.ts';
import { disk } from '../../fs/disk/current.ts';
import { O_CREAT, O_NOFOLLOW, O_RDWR } from '../../fs/disk/openFlags.ts';
import { makeFolders, syncFolder } from '../../fs/folders.ts';
import { writeAllSync } from '../../fs/io.ts';
import { tryLock } from '../../fs/posixLock.ts';
import { replaceFile } from '../../fs/replaceFile.ts';
import { fileName } from '../../mailbox/fileName.ts';
import type { ItemAction, ItemOutcome } from '../report/outcome.ts';
import type { FormatOptions, SideFile } from './format.ts';

/**
 * In a Maildir, a leading dot would make the marker look like a folder. Among mboxes, a marker
 * without a dot would look like an mbox.
 */
export const USER_MARKER = 'cyrus-backups-user';
export const HIDDEN_USER_MARKER = `.${USER_MARKER}`;

/** Returns the user's folder: the root with `{user}` replaced, or else a folder below the root. */
export function userPath(root: string, userid: string): string {
  const name = fileName(userid);
  return root.includes('{user}') ? root.replaceAll('{user}', () => name) : join(root, name);
}

export class UserFolder {
  readonly path: string;
  readonly #options: FormatOptions;
  readonly #lockFd: number | null;
  /**
   * Side files of this run, by folded name. On a file system that ignores case, one must not
   * overwrite another.
   */
  readonly #written = new Map<string, string>();

  /** Throws 'locked' if another restore is writing, 'io' if the folder belongs to another user. */
  constructor(path: string, userid: string, markerName: string, options: FormatOptions) {
    this.path = path;
    this.#options = options;
    const marker = join(path, markerName);
    try {
      if (options.isPlan) {
        this.#lockFd = null;
        if (disk.exists(marker)) requireOwner(disk.readFile(marker).toString('latin1'), userid, path);
        return;
      }
      makeFolders(path);
      this.#lockFd = lockMarker(marker, userid, path);
    } catch (error) {
      throw asBackupError(error, path);
    }
  }

  /**
   * Writes a side file as a whole. An existing file is kept, unless:
   * - it is the beginning of the new content, left by an interrupted restore
   * - its rule is `lines` (missing lines are added) or `ours`
   * - `--existing replace` is set
   */
  sideFile({ kind, path, bytes, there: rule }: SideFile): ItemOutcome {
    const full = join(this.path, path);
    const outcome = (action: ItemAction, reason?: string): ItemOutcome =>
      reason === undefined ? { kind, name: path, action } : { kind, name: path, action, reason };
    const key = path.normalize('NFC').toLowerCase();
    const twin = this.#written.get(key);
    try {
      const old = disk.lstat(full);
      const there = old?.isFile() === true ? disk.readFile(full) : null;
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
    if (this.#lockFd !== null) disk.close(this.#lockFd);
  }
}

/** Opens and locks the marker, and writes it if it is new. */
function lockMarker(marker: string, userid: string, path: string): number {
  const fd = disk.open(marker, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
  try {
    if (!isLocked(fd)) {
      throw new BackupError('locked', `${path}: another restore is writing there: run it again later`);
    }
    const text = disk.readFile(fd).toString('latin1');
    if (!text.endsWith('\n')) {
      // The marker is new, or was torn by a power cut.
      disk.ftruncate(fd, 0);
      writeAllSync(fd, Buffer.from(`${userid}\n`, 'latin1'), 0);
      disk.fsync(fd);
      syncFolder(path);
    } else requireOwner(text, userid, path);
    return fd;
  } catch (error) {
    disk.close(fd);
    throw error;
  }
}

/**
 * Returns true if the file system has no locks, like some network file systems: there, nothing can
 * keep other restores from writing.
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

/** Returns the existing lines, followed by the others that are missing. */
function withLines(there: Buffer, others: Buffer): Buffer {
  const lines = (bytes: Buffer): string[] => bytes.toString('latin1').split('\n').filter(Boolean);
  const all = new Set([...lines(there), ...lines(others)]);
  if (all.size === new Set(lines(there)).size) return there;
  return Buffer.from([...all].map((line) => `${line}\n`).join(''), 'latin1');
}
