/**
 * Maildir++, as Dovecot and Courier use it. INBOX is the folder itself, and other mailboxes are
 * folders in it, such as `.Archive.2024`. Flags are letters after `:2,`. Keywords are lower-case
 * letters, which `dovecot-keywords` maps to their names. A file's time is INTERNALDATE.
 *
 * Messages are written to tmp, then synced and renamed to cur in batches. A message counts as added
 * once its folder is synced, too. A file counts as the message only if its bytes have the SHA-1 in
 * its name.
 */
import { join } from 'node:path';
import { asBackupError } from '../../../errors.ts';
import { disk } from '../../../fs/disk/current.ts';
import { makeFolders } from '../../../fs/folders.ts';
import { removeFile } from '../../../fs/names.ts';
import { replaceFile } from '../../../fs/replaceFile.ts';
import { keywordLines } from '../../../mailbox/maildirText.ts';
import type { Mailbox } from '../../../index/types.ts';
import { Claims } from '../claims.ts';
import { maildirName, otherName } from '../folderNames.ts';
import type {
  FileFormat,
  FolderWriter,
  FormatOptions,
  HeldMessages,
  Loss,
  OutgoingMessage,
  UserWriter,
} from '../format.ts';
import { MaildirHeld } from './held.ts';
import { MaildirNames, guidInName, uniqueOf } from './names.ts';
import { MaildirQueue } from './queue.ts';
import { MARKER, markedMailbox, markerText } from '../marker.ts';
import { USER_MARKER, UserFolder, userPath } from '../userFolder.ts';

const KEYWORDS_FILE = 'dovecot-keywords';
const BATCH = { messages: 64, bytes: 16 << 20 };
/** The highest number accepted in a line of `dovecot-keywords`. */
const MAX_KEYWORD_INDEX = 999;

export function maildirFormat(root: string): FileFormat {
  return {
    user: (userid, options) => new MaildirUser(userPath(root, userid), userid, options),
    finish: () => Promise.resolve(),
    abandon: () => undefined,
  };
}

class MaildirUser implements UserWriter {
  readonly batch = BATCH;
  readonly #folder: UserFolder;
  readonly #options: FormatOptions;
  readonly #claims: Claims;

  constructor(path: string, userid: string, options: FormatOptions) {
    this.#folder = new UserFolder(path, userid, USER_MARKER, options);
    this.#options = options;
    this.#claims = new Claims({ holder: (name) => markedMailbox(join(path, name, MARKER)) });
  }

  folder(target: string, mailbox: Mailbox): Promise<FolderWriter> {
    const usual = maildirName(target, this.#options.deletedPrefix);
    const other = otherName(usual === '' ? '.INBOX' : usual, target);
    const name = this.#claims.claim(target, [usual, other]);
    const path = join(this.#folder.path, name);
    try {
      const folder = MaildirFolder.open(path, name !== '', this.#options.isPlan, markerText(target, mailbox));
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
    const name = this.#claims.pathOf(mailbox) ?? maildirName(mailbox, this.#options.deletedPrefix);
    return name === '' ? 'INBOX' : name.slice(1);
  }

  close(): void {
    this.#folder.close();
  }
}

class MaildirFolder implements FolderWriter {
  readonly name: string;
  readonly isNew: boolean;
  readonly holdsAnnotations = false;
  readonly notes: string[] = [];
  readonly #names: MaildirNames;
  readonly #queue: MaildirQueue;
  #held: MaildirHeld | undefined;

  private constructor(path: string, isNew: boolean) {
    this.name = path;
    this.isNew = isNew;
    const uniques = isNew ? [] : ['cur', 'new'].flatMap((folder) => namesIn(join(path, folder)));
    this.#names = new MaildirNames(isNew ? [] : readKeywords(path), uniques.map(uniqueOf));
    this.#queue = new MaildirQueue(path);
  }

  /** Throws system errors unchanged. */
  static open(path: string, isSubfolder: boolean, isPlan: boolean, marker: string): MaildirFolder {
    const folder = new MaildirFolder(path, !disk.exists(join(path, 'cur')));
    if (isPlan) return folder;
    for (const name of ['cur', 'new', 'tmp']) makeFolders(join(path, name));
    // The user's folder is locked, so no other running restore needs these files.
    for (const name of namesIn(join(path, 'tmp'))) {
      if (guidInName(name) !== undefined) removeFile(join(path, 'tmp', name));
    }
    if (!disk.exists(join(path, MARKER))) replaceFile(join(path, MARKER), Buffer.from(marker));
    const isMarked = !isSubfolder || disk.exists(join(path, 'maildirfolder'));
    if (!isMarked) replaceFile(join(path, 'maildirfolder'), Buffer.alloc(0));
    return folder;
  }

  held(): Promise<HeldMessages> {
    const files = ['cur', 'new'].flatMap((folder) =>
      namesIn(join(this.name, folder)).map((name) => join(this.name, folder, name)),
    );
    this.#held = new MaildirHeld(files, this.notes);
    return Promise.resolve(this.#held);
  }

  async add(message: OutgoingMessage): Promise<readonly Loss[]> {
    const { unique, name, left } = this.#names.next(message.record, message.flags);
    return [...left, ...(await this.#queue.write(message, unique, name))];
  }

  async commit(): Promise<void> {
    // Keywords are written first: without them, the letters in the file names would have no
    // meaning.
    if (this.#names.hasNewKeywords) {
      replaceFile(join(this.name, KEYWORDS_FILE), Buffer.from(keywordLines(this.#names.keywords)));
    }
    await this.#queue.commit(this.#held?.takeTorn() ?? []);
  }

  finish(): Promise<void> {
    return this.commit();
  }

  abandon(): void {
    this.#queue.abandon();
  }
}

function namesIn(path: string): string[] {
  return disk.exists(path) ? disk.readdir(path) : [];
}

/** Reads lines such as `0 name`; the number is the position of the keyword's letter. */
function readKeywords(path: string): string[] {
  const file = join(path, KEYWORDS_FILE);
  const text = disk.exists(file) ? disk.readFile(file).toString('utf8') : '';
  const keywords: string[] = [];
  for (const [, index, name] of text.matchAll(/^(\d+) (\S+)$/gm)) {
    if (Number(index) <= MAX_KEYWORD_INDEX) keywords[Number(index)] = name ?? '';
  }
  return Array.from(keywords, (name) => name ?? '');
}
