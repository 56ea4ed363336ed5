/**
 * mbox: one file per folder, with subfolders in `NAME.sbd` as in Thunderbird. Flags are in Status,
 * X-Status and X-Keywords, which mbox readers know. The GUID is in X-Cyrus-GUID.
 *
 * An existing file is never written to. Missing messages are added to a copy beside it, which
 * replaces the file once it is complete and synced. So a full disk, a kill or a power cut leaves
 * the file as it was.
 */
import { dirname, join } from 'node:path';
import { asBackupError, BackupError } from '../../../errors.ts';
import { disk } from '../../../fs/disk/current.ts';
import type { FileStats } from '../../../fs/disk/disk.ts';
import { makeFolders } from '../../../fs/folders.ts';
import { readSyncInto } from '../../../fs/io.ts';
import { lstatExisting } from '../../../fs/names.ts';
import { openRegular } from '../../../fs/open.ts';
import { replaceFile } from '../../../fs/replaceFile.ts';
import { ReplacementFile } from '../../../fs/replacementFile.ts';
import type { Mailbox } from '../../../index/types.ts';
import { Claims } from '../claims.ts';
import { mboxPath, otherName } from '../folderNames.ts';
import type {
  FileFormat,
  FolderWriter,
  FormatOptions,
  HeldMessages,
  Loss,
  OutgoingMessage,
  UserWriter,
} from '../format.ts';
import { MARKER, markedMailbox, markerText } from '../marker.ts';
import { MboxHeld } from './held.ts';
import { leftOffMbox, mboxMessage } from './message.ts';
import { HIDDEN_USER_MARKER, UserFolder, userPath } from '../userFolder.ts';

/** A folder's file is written as a whole. */
const BATCH = { messages: Infinity, bytes: Infinity };

export function mboxFormat(root: string): FileFormat {
  return {
    user: (userid, options) => new MboxUser(userPath(root, userid), userid, options),
    finish: () => Promise.resolve(),
    abandon: () => undefined,
  };
}

function sideOf(path: string, side: string): string {
  const at = path.lastIndexOf('/') + 1;
  return `${path.slice(0, at)}.${path.slice(at)}.${side}`;
}

class MboxUser implements UserWriter {
  readonly batch = BATCH;
  readonly #folder: UserFolder;
  readonly #options: FormatOptions;
  readonly #claims: Claims;

  constructor(path: string, userid: string, options: FormatOptions) {
    this.#folder = new UserFolder(path, userid, HIDDEN_USER_MARKER, options);
    this.#options = options;
    this.#claims = new Claims({ holder: (file) => markedMailbox(sideOf(join(path, file), MARKER)) });
  }

  folder(target: string, mailbox: Mailbox): Promise<FolderWriter> {
    const names = mboxPath(target, this.#options.deletedPrefix);
    const last = names.at(-1) ?? '';
    const above = names.slice(0, -1);
    const usual = names.join('/');
    const name = this.#claims.claim(target, [usual, [...above, otherName(last, target, 220)].join('/')]);
    const path = join(this.#folder.path, name);
    try {
      if (!this.#options.isPlan) {
        makeFolders(dirname(path));
        const marker = sideOf(path, MARKER);
        if (!disk.exists(marker)) replaceFile(marker, Buffer.from(markerText(target, mailbox)));
      }
      const folder = new MboxFolder(path);
      if (name !== usual) folder.notes.push(`in ${name}: ${usual} holds another mailbox`);
      return Promise.resolve(folder);
    } catch (error) {
      throw asBackupError(error, path);
    }
  }

  sideFile(file: Parameters<UserWriter['sideFile']>[0]): ReturnType<UserWriter['sideFile']> {
    return Promise.resolve(this.#folder.sideFile(file));
  }

  subscriptionLine(mailbox: string): string {
    const path = this.#claims.pathOf(mailbox) ?? mboxPath(mailbox, this.#options.deletedPrefix).join('/');
    return path.replaceAll('.sbd/', '/');
  }

  close(): void {
    this.#folder.close();
  }
}

class MboxFolder implements FolderWriter {
  readonly name: string;
  readonly isNew: boolean;
  readonly holdsAnnotations = false;
  readonly notes: string[] = [];
  /** The file's state when it was read. */
  #before: FileStats | undefined;
  #file: ReplacementFile | undefined;

  constructor(path: string) {
    this.name = path;
    this.#before = disk.lstat(path);
    this.isNew = this.#before === undefined;
  }

  async held(): Promise<HeldMessages> {
    if (this.isNew) return new MboxHeld();
    const fd = openRegular(this.name, 'read');
    try {
      this.#before = disk.fstat(fd);
      return await MboxHeld.read(fd);
    } finally {
      disk.close(fd);
    }
  }

  async add(message: OutgoingMessage): Promise<readonly Loss[]> {
    this.#file ??= await this.#begin();
    let hasBareLf = false;
    const pieces = function* (): Generator<Buffer> {
      let last = 0;
      for (const piece of message.pieces()) {
        hasBareLf ||= bareLf(piece, last);
        last = piece.at(-1) ?? last;
        yield piece;
      }
    };
    for (const piece of mboxMessage({ ...message, pieces })) await this.#file.write(piece);
    const left = leftOffMbox(message);
    if (!hasBareLf) return left;
    return [...left, { what: 'line ends', why: 'an mbox has one kind, and some are LF without CR' }];
  }

  async commit(): Promise<void> {
    if (this.#file === undefined) return;
    const now = disk.lstat(this.name);
    if (
      now?.ino !== this.#before?.ino ||
      now?.size !== this.#before?.size ||
      now?.mtimeMs !== this.#before?.mtimeMs
    ) {
      throw new BackupError('locked', `${this.name} was changed by another program meanwhile: run it again`);
    }
    await this.#file.commit();
    this.#file = undefined;
    this.#before = lstatExisting(this.name);
  }

  /** A folder without messages becomes an empty file. */
  async finish(): Promise<void> {
    if (this.#before === undefined) this.#file ??= await this.#begin();
    await this.commit();
  }

  abandon(): void {
    this.#file?.abandon();
    this.#file = undefined;
  }

  async #begin(): Promise<ReplacementFile> {
    const file = new ReplacementFile(this.name, { temporary: sideOf(this.name, 'new'), like: this.#before });
    if (this.#before === undefined) return file;
    try {
      const fd = openRegular(this.name, 'read');
      try {
        const { size } = disk.fstat(fd);
        await file.copyFrom(fd, size);
        await file.write(separator(fd, size));
      } finally {
        disk.close(fd);
      }
      return file;
    } catch (error) {
      file.abandon();
      throw error;
    }
  }
}

/** Returns the line ends that must be appended so that an empty line follows the last message. */
function separator(fd: number, sizeBytes: number): Buffer {
  const end = Buffer.alloc(Math.min(2, sizeBytes));
  readSyncInto(fd, end, 0, end.length, sizeBytes - end.length);
  const text = end.toString('latin1');
  if (text === '' || text === '\n\n') return Buffer.alloc(0);
  return Buffer.from(text.endsWith('\n') ? '\n' : '\n\n');
}

function bareLf(piece: Buffer, before: number): boolean {
  for (let at = piece.indexOf(10); at !== -1; at = piece.indexOf(10, at + 1)) {
    if ((at === 0 ? before : piece[at - 1]) !== 13) return true;
  }
  return false;
}
