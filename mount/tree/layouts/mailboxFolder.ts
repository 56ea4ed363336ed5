/**
 * A folder in a user's tree: a mailbox with one file per message, a parent of other folders, or
 * both.
 */
import type { ViewMailbox } from '../../../src/index/queries/mailboxes.ts';
import type { ListedRecord } from '../../../src/index/queries/records.ts';
import type { PrefetchPlanWithKeys } from '../../content/prefetchList.ts';
import type { Attributes, Entry, FileItem, ListedEntry, ShownFolder } from '../../vfs/tree.ts';
import { folderAttributes } from '../attributes.ts';
import { inodeOf } from '../hash.ts';
import type { MailView } from '../views/mailView.ts';
import { messageAttributes, messageItem, namelessMessage } from '../views/message.ts';
import type { Naming } from './naming.ts';
import { folderAt, identityOf, uniqueidIn } from '../views/structure.ts';
import type { StructureFolder } from '../views/structure.ts';
import { prefetchMessages } from '../views/prefetchPlan.ts';
import { TreeFolder, listChildren } from '../treeFolder.ts';
import type { Child, FixedName, FolderShape } from '../treeFolder.ts';

/**
 * The first cookie of messages. The cookie of a folder is its first mailbox's id, and that of a
 * message is this number plus its UID.
 */
const MESSAGE_COOKIES = 2 ** 32;
/** Half the number of entries that fit into the buffer of one readdir(3) request. */
const PAGE_ROWS = 400;

export interface Layout {
  readonly naming: Naming;
  /** Returns the fixed names in a mailbox's folder. */
  readonly fixed: (view: MailView, path: string) => readonly FixedName[];
}

export class MailboxFolder extends TreeFolder {
  readonly #view: MailView;
  readonly #layout: Layout;
  readonly #path: string;
  readonly #name: string;
  readonly #identity: string;

  /**
   * `path` is the folder's path in the structure. `identity` identifies the mailbox at that path
   * (see identityOf in structure.ts).
   */
  constructor(shape: FolderShape, view: MailView, layout: Layout, path: string, identity = '') {
    super({
      ...shape,
      fixed: () => [...(path === '' ? [] : layout.fixed(view, path)), ...(shape.fixed?.() ?? [])],
    });
    this.#view = view;
    this.#layout = layout;
    this.#path = path;
    this.#name = shape.name ?? '';
    this.#identity = identity;
  }

  get shown(): ShownFolder | undefined {
    const { user, options } = this.#view;
    if (options.changes !== 'told') return undefined;
    const [path, name, identity] = [this.#path, this.#name, this.#identity];
    return { userid: user.userid, dataFile: user.lastPath, path, name, identity };
  }

  override xattrNames(): readonly string[] {
    return mailboxXattrNames(this.#folder());
  }

  override xattr(name: string): Buffer | undefined {
    return mailboxXattr(this.#folder(), name);
  }

  override child(number: number): FileItem {
    const view = this.#view;
    const folder = folderAt(view.structure(), this.#path);
    const identity = this.#identity || (folder === undefined ? '' : identityOf(folder));
    const isHere = folder !== undefined && identityOf(folder) === identity;
    const record = isHere ? view.record(folder, number) : undefined;
    if (isHere && record !== undefined) return messageItem(view, view.folderInode(folder), record);
    return namelessMessage(view, view.inodeOf(uniqueidIn(identity)), identity, number);
  }

  listVersion(): object {
    return this.#folder();
  }

  upcoming(after: number, maxBytes: number, largestBytes: number): PrefetchPlanWithKeys {
    return prefetchMessages(this.#view, this.#folder(), after, maxBytes, largestBytes);
  }

  protected ownAttributes(): Attributes {
    return mailFolderAttributes(this.#view, this.#folder());
  }

  protected find(name: string): Entry | undefined {
    const { naming } = this.#layout;
    const folder = this.#folder();
    const segment = naming.segmentOf(name, folder.children);
    const child = segment === undefined ? undefined : folder.children.get(segment);
    if (child !== undefined) return this.#childFolder(child, name);
    const uid = naming.uidOf(name);
    const record = uid === undefined ? undefined : this.#view.record(folder, uid);
    return record === undefined ? undefined : this.#messageEntry(record, this.#view.folderInode(folder));
  }

  protected each(after: number, visit: (entry: ListedEntry) => boolean): void {
    const folder = this.#folder();
    let goesOn = true;
    if (after < MESSAGE_COOKIES) {
      listChildren(this.#folders(folder), after, (entry) => (goesOn = visit(entry)));
    }
    if (!goesOn || folder.mailbox === null) return;
    const { naming } = this.#layout;
    const inode = this.#view.folderInode(folder);
    listMessages(
      after,
      (uid) => this.#view.page(folder, uid, PAGE_ROWS),
      (row, cookie) => ({
        node: { place: this, number: row.uid },
        attributes: messageAttributes(this.#view, inode, row),
        name: naming.messageName(row.uid),
        cookie,
      }),
      visit,
    );
  }

  *#folders(folder: StructureFolder): Generator<Child> {
    const children = [...folder.children].toSorted(([, a], [, b]) => a.firstId - b.firstId);
    for (const [segment, child] of children) {
      const name = this.#layout.naming.folderName(segment);
      yield { name, cookie: child.firstId, make: () => this.#childFolder(child, name) };
    }
  }

  #childFolder(child: StructureFolder, name: string): Entry {
    const identity = identityOf(child);
    // The key contains the identity, so that messages of another mailbox with the same name are
    // other nodes.
    const key = `${this.key}/${name}${identity === '' ? '' : `\0${identity}`}`;
    const shape = { key, parent: this, name };
    const place = new MailboxFolder(shape, this.#view, this.#layout, child.path, identity);
    return { node: { place, number: 0 }, attributes: mailFolderAttributes(this.#view, child) };
  }

  #messageEntry(record: ListedRecord, inode: bigint): Entry {
    return {
      node: { place: this, number: record.uid },
      attributes: messageAttributes(this.#view, inode, record),
    };
  }

  #folder(): StructureFolder {
    return this.#view.folder(this.#path, this.#identity);
  }
}

/** Lists messages by UID, one page of records at a time, until a page is empty. */
export function listMessages<Row extends ListedRecord>(
  after: number,
  page: (afterUid: number) => readonly Row[],
  entryOf: (row: Row, cookie: number) => ListedEntry,
  visit: (entry: ListedEntry) => boolean,
): void {
  let uid = after < MESSAGE_COOKIES ? 0 : after - MESSAGE_COOKIES;
  for (;;) {
    const rows = page(uid);
    if (rows.length === 0) return;
    for (const row of rows) {
      if (!visit(entryOf(row, MESSAGE_COOKIES + row.uid))) return;
      uid = row.uid;
    }
  }
}

/**
 * Returns the attributes of a folder that holds no messages of its own, such as `.sieve`. Its mtime
 * is that of the most recently changed mailbox.
 */
export function sideFolderAttributes(view: MailView, kind: string, key: string): Attributes {
  const mtimeMs = view.structure().changedMs;
  return folderAttributes({ inode: inodeOf(kind, key), mtimeMs, owner: view.user.owner });
}

export function mailFolderAttributes(view: MailView, folder: StructureFolder): Attributes {
  const shape = {
    inode: view.folderInode(folder),
    mtimeMs: folder.changedMs,
    owner: view.user.owner,
    validMs: view.folderValidMs,
  };
  return folderAttributes(shape, 2 + folder.children.size);
}

const mailboxXattrs = new Map<string, (mailbox: ViewMailbox) => string>([
  ['user.cyrus.mboxname', ({ name }) => name],
  ['user.cyrus.uniqueid', ({ uniqueid }) => uniqueid],
  ['user.cyrus.uidvalidity', ({ uidvalidity }) => String(uidvalidity)],
  ['user.cyrus.highestmodseq', ({ highestmodseq }) => highestmodseq],
]);

export function mailboxXattrNames({ mailbox }: StructureFolder): readonly string[] {
  return mailbox === null ? [] : [...mailboxXattrs.keys()];
}

export function mailboxXattr({ mailbox }: StructureFolder, name: string): Buffer | undefined {
  const value = mailbox === null ? undefined : mailboxXattrs.get(name)?.(mailbox);
  return value === undefined ? undefined : Buffer.from(value, 'latin1');
}
