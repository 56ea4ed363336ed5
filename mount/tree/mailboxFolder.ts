/** A folder in a user's tree: a mailbox with its messages, the folders in it, or both. */
import { BackupError } from '../../src/errors.ts';
import { listRecords, record } from '../../src/index/queries.ts';
import type { ListedRecord } from '../../src/index/queries.ts';
import type { MessageRecord } from '../../src/index/types.ts';
import type { Attributes, Entry, FileItem, FolderPlace, ListedEntry, ShownFolder } from '../tree.ts';
import type { Handles } from './handles.ts';
import { inodeOf } from './hash.ts';
import { messageAttributes, messageItem, messageName, uidOfName } from './message.ts';
import type { Owner } from './owner.ts';
import { folderAt, identityOf } from './structure.ts';
import type { StructureFolder } from './structure.ts';
import { FOLDER_VALID_MS, NEGATIVE_VALID_MS } from './validity.ts';

/** Cookies: folders by their first mailbox's id, then messages by UID. */
const MESSAGE_COOKIES = 1n << 32n;
const PAGE_ROWS = 512;

export interface UserPlace {
  readonly userid: string;
  /** Of the data file. Throws where the catalogue no longer has it. */
  path(): string;
  /** The same, as it was when it was asked for last. */
  lastPath(): string;
  readonly handles: Handles;
  readonly owner: Owner;
}

export class MailboxFolder implements FolderPlace {
  readonly kind = 'folder';
  readonly key: string;
  readonly parent: FolderPlace;
  readonly negativeValidMs = NEGATIVE_VALID_MS;
  readonly #user: UserPlace;
  readonly #path: string;
  readonly #name: string;
  readonly #identity: string;

  constructor(user: UserPlace, parent: FolderPlace, path: string, name: string, identity: string) {
    this.key = `${user.userid}/${path}`;
    this.parent = parent;
    this.#user = user;
    this.#path = path;
    this.#name = name;
    this.#identity = identity;
  }

  get shown(): ShownFolder {
    const [name, identity] = [this.#name, this.#identity];
    return {
      userid: this.#user.userid,
      dataFile: this.#user.lastPath(),
      path: this.#path,
      name,
      identity,
    };
  }

  attributes(): Attributes {
    return folderAttributes(this.#user, this.#folder());
  }

  xattrNames(): readonly string[] {
    return this.#folder().mailbox === null ? [] : [...folderXattrs.keys()];
  }

  xattr(name: string): Buffer | undefined {
    const { mailbox } = this.#folder();
    const value = mailbox === null ? undefined : folderXattrs.get(name)?.(mailbox);
    return value === undefined ? undefined : Buffer.from(value, 'latin1');
  }

  lookup(name: Buffer): Entry | undefined {
    const text = name.toString('utf8');
    const folder = this.#folder();
    const child = folder.children.get(text);
    if (child !== undefined) return this.#childFolder(child, text);
    const uid = folder.mailbox === null ? undefined : uidOfName(text);
    const row = uid === undefined ? undefined : this.#record(folder, uid);
    return row === undefined ? undefined : this.#messageEntry(row, folderInode(this.#user, folder));
  }

  list(after: bigint, visit: (entry: ListedEntry) => boolean): void {
    const folder = this.#folder();
    if (after < MESSAGE_COOKIES && !this.#listFolders(folder, after, visit)) return;
    const { mailbox } = folder;
    if (mailbox === null) return;
    const { index } = this.#reader();
    let uid = after < MESSAGE_COOKIES ? 0 : Number(after - MESSAGE_COOKIES);
    const inode = folderInode(this.#user, folder);
    for (;;) {
      const rows = listRecords(index, mailbox.id, uid, PAGE_ROWS);
      for (const row of rows) {
        const cookie = MESSAGE_COOKIES + BigInt(row.uid);
        if (!visit({ ...this.#messageEntry(row, inode), name: messageName(row.uid), cookie })) return;
        uid = row.uid;
      }
      if (rows.length < PAGE_ROWS) return;
    }
  }

  child(number: number): FileItem {
    const folder = this.#folder();
    const row = this.#record(folder, number);
    if (row === undefined) throw new BackupError('not-found', `${this.key}: no message ${number}`);
    return messageItem(this.#reader(), row, folderInode(this.#user, folder), this.#user.owner);
  }

  #listFolders(folder: StructureFolder, after: bigint, visit: (entry: ListedEntry) => boolean): boolean {
    const children = [...folder.children].toSorted(([, a], [, b]) => a.firstId - b.firstId);
    for (const [name, child] of children) {
      const cookie = BigInt(child.firstId);
      if (cookie <= after) continue;
      if (!visit({ ...this.#childFolder(child, name), name: Buffer.from(name, 'utf8'), cookie }))
        return false;
    }
    return true;
  }

  #childFolder(child: StructureFolder, name: string): Entry {
    const place = new MailboxFolder(this.#user, this, child.path, name, identityOf(child));
    return { node: { place, number: 0 }, attributes: folderAttributes(this.#user, child) };
  }

  #messageEntry(row: ListedRecord, inode: bigint): Entry {
    return {
      node: { place: this, number: row.uid },
      attributes: messageAttributes(row, inode, this.#user.owner),
    };
  }

  #record(folder: StructureFolder, uid: number): MessageRecord | undefined {
    if (folder.mailbox === null) return undefined;
    const row = record(this.#reader().index, folder.mailbox.id, uid);
    return row?.expunged === null ? row : undefined;
  }

  #reader() {
    return this.#user.handles.reader(this.#user.path());
  }

  #folder(): StructureFolder {
    const folder = folderAt(this.#user.handles.structure(this.#user.path()), this.#path);
    if (folder === undefined) throw new BackupError('not-found', `${this.key} is gone`);
    return folder;
  }
}

type Mailbox = NonNullable<StructureFolder['mailbox']>;

const folderXattrs = new Map<string, (mailbox: Mailbox) => string>([
  ['user.cyrus.mboxname', ({ name }) => name],
  ['user.cyrus.uniqueid', ({ uniqueid }) => uniqueid],
  ['user.cyrus.uidvalidity', ({ uidvalidity }) => String(uidvalidity)],
  ['user.cyrus.highestmodseq', ({ highestmodseq }) => highestmodseq],
]);

/** A mailbox keeps its inode when it is renamed; a folder that is none has only its path. */
function folderInode(user: UserPlace, folder: StructureFolder): bigint {
  const identity = folder.mailbox === null ? `path:${folder.path}` : folder.mailbox.uniqueid;
  return inodeOf('folder', user.userid, identity);
}

function folderAttributes(user: UserPlace, folder: StructureFolder): Attributes {
  return {
    kind: 'folder',
    inode: folderInode(user, folder),
    sizeBytes: 0,
    mtimeMs: folder.changedMs,
    ctimeMs: folder.changedMs,
    nlink: 2 + folder.children.size,
    mode: 0o500,
    ...user.owner,
    validMs: FOLDER_VALID_MS,
  };
}
