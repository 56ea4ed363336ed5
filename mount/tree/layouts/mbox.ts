/**
 * Shows a user's mail as mbox files (`.mbox`), such as `INBOX.mbox` and `Archive/2024.mbox`.
 * mboxContent.ts generates the content of the files.
 */
import type { Attributes, Content, Entry, FileItem, FolderReference, ListedEntry } from '../../vfs/tree.ts';
import { fileAttributes } from '../attributes.ts';
import { inodeOf } from '../hash.ts';
import type { MailView } from '../views/mailView.ts';
import { mailFolderAttributes, mailboxXattr, mailboxXattrNames } from './mailboxFolder.ts';
import { mboxContent } from './mboxContent.ts';
import { mboxLayout } from './mboxLayout.ts';
import { mboxFileName, mboxFolderName } from './naming.ts';
import type { StructureFolder } from '../views/structure.ts';
import { TreeFolder, entryOf, findChild, listChildren } from '../treeFolder.ts';
import type { Child, FolderShape } from '../treeFolder.ts';

export class MboxFolder extends TreeFolder {
  readonly #view: MailView;
  readonly #path: string;

  constructor(shape: FolderShape, view: MailView, path: string) {
    super(shape);
    this.#view = view;
    this.#path = path;
  }

  protected ownAttributes(): Attributes {
    return mailFolderAttributes(this.#view, this.#view.folder(this.#path));
  }

  protected find(name: string): Entry | undefined {
    return findChild(this.#children(), name);
  }

  protected each(after: number, visit: (entry: ListedEntry) => boolean): void {
    listChildren(this.#children(), after, visit);
  }

  /**
   * Yields the children: a file for each mailbox, and a folder for each mailbox with subfolders.
   */
  *#children(): Generator<Child> {
    const { children } = this.#view.folder(this.#path);
    for (const [segment, child] of [...children].toSorted(([, a], [, b]) => a.firstId - b.firstId)) {
      const cookie = child.firstId * 2;
      const file = mboxFileName(segment);
      if (child.mailbox !== null) {
        const make = () => entryOf(new MboxFile(`${this.key}/${file}`, this, this.#view, child.path));
        yield { name: file, cookie, make };
      }
      if (child.children.size === 0) continue;
      const folder = mboxFolderName(segment);
      const shape = { key: `${this.key}/${folder}`, parent: this };
      const make = () => entryOf(new MboxFolder(shape, this.#view, child.path));
      yield { name: folder, cookie: cookie + 1, make };
    }
  }
}

class MboxFile implements FileItem {
  readonly kind = 'file';
  readonly key: string;
  readonly parent: FolderReference;
  readonly #view: MailView;
  readonly #path: string;

  constructor(key: string, parent: FolderReference, view: MailView, path: string) {
    this.key = key;
    this.parent = parent;
    this.#view = view;
    this.#path = path;
  }

  attributes(): Attributes {
    const folder = this.#folder();
    const { sizeBytes } = mboxLayout(this.#view, folder);
    const { owner } = this.#view.user;
    const shape = { inode: inodeOf('mbox', this.key), mtimeMs: folder.changedMs, owner };
    return fileAttributes(shape, sizeBytes);
  }

  content(): Content {
    return mboxContent(this.#view, this.#folder());
  }

  xattrNames(): readonly string[] {
    return mailboxXattrNames(this.#folder());
  }

  xattr(name: string): Buffer | undefined {
    return mailboxXattr(this.#folder(), name);
  }

  #folder(): StructureFolder {
    return this.#view.folder(this.#path);
  }
}
