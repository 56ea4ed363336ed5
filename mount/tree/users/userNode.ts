/**
 * A user's folder as listed in the mount's root. This object is small, because the kernel may know
 * a very large number of users. The folder's contents are created on access and kept for a few
 * users only.
 */
import type {
  Attributes,
  Entry,
  FileItem,
  FolderReference,
  LinkItem,
  ListedEntry,
  ShownFolder,
} from '../../vfs/tree.ts';
import { NEGATIVE_VALID_MS } from '../validity.ts';

export interface UserReferences extends FolderReference {
  /** Returns the attributes of a user's folder. Throws 'not-found' if the user was removed. */
  attributesOf(userid: string): Attributes;
  folderOf(userid: string): FolderReference;
  /**
   * Returns what the folder shows (see ShownFolder), or undefined if the user's own folder is not
   * watched.
   */
  shownOf(userid: string): ShownFolder | undefined;
}

export class UserReference implements FolderReference {
  /** The key of this node is the userid. */
  readonly key: string;
  readonly parent: UserReferences;

  constructor(userid: string, parent: UserReferences) {
    this.key = userid;
    this.parent = parent;
  }

  get kind(): 'folder' {
    return 'folder';
  }

  get hidesNames(): boolean {
    return false;
  }

  get negativeValidMs(): number {
    return NEGATIVE_VALID_MS;
  }

  get shown(): ShownFolder | undefined {
    return this.parent.shownOf(this.key);
  }

  attributes(): Attributes {
    return this.parent.attributesOf(this.key);
  }

  lookup(name: Buffer): Entry | undefined {
    return this.#folder.lookup(name);
  }

  list(after: number, visit: (entry: ListedEntry) => boolean): void {
    this.#folder.list(after, visit);
  }

  child(number: number): FileItem | LinkItem {
    return this.#folder.child(number);
  }

  xattrNames(): readonly string[] {
    return this.#folder.xattrNames();
  }

  xattr(name: string): Buffer | undefined {
    return this.#folder.xattr(name);
  }

  opened(): void {
    this.#folder.opened?.();
  }

  released(): void {
    this.#folder.released?.();
  }

  get #folder(): FolderReference {
    return this.parent.folderOf(this.key);
  }
}
