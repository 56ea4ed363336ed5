/**
 * Shows a user's mail as a Maildir++ (`.maildir`). INBOX is the folder itself, and the other
 * mailboxes are folders in it. Every message is in `cur`, and the letters in its file name are its
 * flags. Lower-case letters stand for keywords, which the file `dovecot-keywords` lists.
 */
import { flagCombinations } from '../../../src/index/queries/records.ts';
import type { RecordWithGuid } from '../../../src/index/queries/records.ts';
import { keywordLetter, keywordLines, maildirUnique, splitFlags } from '../../../src/mailbox/maildirText.ts';
import { FsError } from '../../vfs/fsError.ts';
import type { PrefetchPlanWithKeys } from '../../content/prefetchList.ts';
import type { Attributes, Entry, FileItem, FolderReference, ListedEntry } from '../../vfs/tree.ts';
import { folderAttributes } from '../attributes.ts';
import { inodeOf } from '../hash.ts';
import type { MailView } from '../views/mailView.ts';
import { listMessages, mailFolderAttributes, mailboxXattr, mailboxXattrNames } from './mailboxFolder.ts';
import { maildirFolders } from './maildirNames.ts';
import { messageAttributes, messageItem, namelessMessage } from '../views/message.ts';
import { PerBackup } from '../backup/perBackup.ts';
import { folderAt, identityOf } from '../views/structure.ts';
import type { StructureFolder } from '../views/structure.ts';
import { prefetchMessages } from '../views/prefetchPlan.ts';
import { TextFile } from '../textFile.ts';
import { TreeFolder, listChildren } from '../treeFolder.ts';
import type { Child, FixedName, FolderShape } from '../treeFolder.ts';

const INBOX = 'INBOX';
const PAGE_ROWS = 256;

export class MaildirRoot extends TreeFolder {
  readonly #view: MailView;

  constructor(shape: FolderShape, view: MailView) {
    super({ ...shape, fixed: () => [...maildirNames(view, INBOX), ...(shape.fixed?.() ?? [])] });
    this.#view = view;
  }

  protected ownAttributes(): Attributes {
    return mailFolderAttributes(this.#view, this.#view.structure());
  }

  protected find(name: string): Entry | undefined {
    const folder = maildirFolders(this.#view.structure()).get(name);
    return folder === undefined ? undefined : this.#entry(name, folder);
  }

  protected each(after: number, visit: (entry: ListedEntry) => boolean): void {
    listChildren(this.#children(), after, visit);
  }

  *#children(): Generator<Child> {
    const folders = [...maildirFolders(this.#view.structure())];
    for (const [name, folder] of folders.toSorted(([, a], [, b]) => idOf(a) - idOf(b))) {
      yield { name, cookie: idOf(folder), make: () => this.#entry(name, folder) };
    }
  }

  #entry(name: string, folder: StructureFolder): Entry {
    const place = new MaildirFolder(`${this.key}/${name}`, this, this.#view, folder.path);
    return { node: { place, number: 0 }, attributes: mailFolderAttributes(this.#view, folder) };
  }
}

const idOf = ({ mailbox }: StructureFolder): number => mailbox?.id ?? 0;

class MaildirFolder extends TreeFolder {
  readonly #view: MailView;
  readonly #path: string;

  constructor(key: string, parent: FolderReference, view: MailView, path: string) {
    const mark: FixedName = {
      name: 'maildirfolder',
      isListed: true,
      make: (self) => new TextFile(`${self.key}/maildirfolder`, self, view, () => ''),
    };
    super({ key, parent, fixed: () => [...maildirNames(view, path), mark] });
    this.#view = view;
    this.#path = path;
  }

  override xattrNames(): readonly string[] {
    return mailboxXattrNames(this.#view.folder(this.#path));
  }

  override xattr(name: string): Buffer | undefined {
    return mailboxXattr(this.#view.folder(this.#path), name);
  }

  protected ownAttributes(): Attributes {
    return mailFolderAttributes(this.#view, this.#view.folder(this.#path));
  }

  protected find(): undefined {
    return undefined;
  }

  protected each(): void {
    // This folder contains only fixed names.
  }
}

function maildirNames(view: MailView, path: string): FixedName[] {
  const folder = (name: string, hasMail: boolean): FixedName => ({
    name,
    isListed: true,
    make: (self) => new MessagesFolder(`${self.key}/${name}`, self, view, path, hasMail),
  });
  const keywords: FixedName = {
    name: 'dovecot-keywords',
    isListed: true,
    make: (self) =>
      new TextFile(`${self.key}/dovecot-keywords`, self, view, () => {
        const found = folderAt(view.structure(), path);
        return found === undefined ? '' : keywordLines(keywordTable(view, found));
      }),
  };
  return [folder('cur', true), folder('new', false), folder('tmp', false), keywords];
}

/** The folder `cur` with a mailbox's messages, or the empty folder `new` or `tmp`. */
class MessagesFolder extends TreeFolder {
  readonly #view: MailView;
  readonly #path: string;
  readonly #hasMail: boolean;
  readonly #inode: bigint;
  /** Identifies the mailbox, as in mailboxFolder.ts; empty if there is no mailbox. */
  readonly #identity: string;

  constructor(key: string, parent: FolderReference, view: MailView, path: string, hasMail: boolean) {
    const folder = hasMail ? folderAt(view.structure(), path) : undefined;
    const identity = folder === undefined ? '' : identityOf(folder);
    super({ key: identity === '' ? key : `${key}\0${identity}`, parent });
    this.#view = view;
    this.#path = path;
    this.#hasMail = hasMail;
    this.#inode = inodeOf('maildir', key);
    this.#identity = identity;
  }

  override child(number: number): FileItem {
    const folder = folderAt(this.#view.structure(), this.#path);
    const isHere = folder !== undefined && identityOf(folder) === this.#identity;
    const record = isHere ? this.#view.record(folder, number) : undefined;
    if (record !== undefined) return messageItem(this.#view, this.#inode, record);
    return namelessMessage(this.#view, this.#inode, this.#identity, number);
  }

  listVersion(): object | undefined {
    return this.#folder();
  }

  upcoming(after: number, maxBytes: number, largestBytes: number): PrefetchPlanWithKeys | undefined {
    const folder = this.#folder();
    if (folder === undefined) return undefined;
    return prefetchMessages(this.#view, folder, after, maxBytes, largestBytes);
  }

  protected ownAttributes(): Attributes {
    const mtimeMs = (this.#folder() ?? this.#view.structure()).changedMs;
    return folderAttributes({ inode: this.#inode, mtimeMs, owner: this.#view.user.owner }, 2);
  }

  protected find(name: string): Entry | undefined {
    const folder = this.#folder();
    const uid = Number(/\.U([1-9][0-9]{0,9})G/.exec(name)?.[1]);
    if (folder === undefined || !(uid <= 0xffff_ffff)) return undefined;
    const record = this.#view.record(folder, uid);
    if (record === undefined || this.#nameOf(folder, record) !== name) return undefined;
    return this.#entry(record);
  }

  protected each(after: number, visit: (entry: ListedEntry) => boolean): void {
    const folder = this.#folder();
    if (folder === undefined) return;
    listMessages(
      after,
      (uid) => this.#view.fullPage(folder, uid, PAGE_ROWS),
      (row, cookie) => ({
        ...this.#entry(row),
        name: Buffer.from(this.#nameOf(folder, row), 'latin1'),
        cookie,
      }),
      visit,
    );
  }

  #nameOf(folder: StructureFolder, record: RecordWithGuid): string {
    const { letters, keywords } = splitFlags(record.flags.split(' '));
    const table = [...keywordTable(this.#view, folder)];
    const own = keywords.flatMap((keyword) => keywordLetter(table, keyword) ?? []).toSorted();
    return `${maildirUnique(record)}:2,${letters}${own.join('')}`;
  }

  #entry(record: RecordWithGuid): Entry {
    return {
      node: { place: this, number: record.uid },
      attributes: messageAttributes(this.#view, this.#inode, record),
    };
  }

  /**
   * Returns the folder in the structure, or undefined if the Maildir is empty. The root has a `cur`
   * even without an INBOX, as in %SHARED.
   */
  #folder(): StructureFolder | undefined {
    if (!this.#hasMail) return undefined;
    const folder = folderAt(this.#view.structure(), this.#path);
    const isAnother = folder !== undefined && this.#identity !== '' && identityOf(folder) !== this.#identity;
    if (isAnother) throw new FsError('ESTALE');
    return folder;
  }
}

interface Keywords {
  readonly table: string[];
}
const tables = new PerBackup<Keywords>();

/**
 * Lists keywords in the order in which the mailbox's messages first use them. The list is
 * recomputed only if the mailbox changes.
 */
function keywordTable(view: MailView, folder: StructureFolder): readonly string[] {
  const { mailbox } = folder;
  if (mailbox === null) return [];
  const reader = view.reader();
  const time = view.options.time();
  const key = `${folder.shown}@${time ?? 'now'}/${mailbox.uniqueid}`;
  return tables.get(reader, key, `${mailbox.highestmodseq}/${mailbox.changed}`, () => {
    const table: string[] = [];
    const all = view.isPlain(folder) ? flagCombinations(reader.index, mailbox.id) : eachFlags(view, folder);
    for (const flags of all) {
      for (const keyword of splitFlags(flags.split(' ')).keywords) keywordLetter(table, keyword);
    }
    return { table };
  }).table;
}

function* eachFlags(view: MailView, folder: StructureFolder): Generator<string> {
  for (const { flags } of view.flagged(folder)) yield flags;
}
