/**
 * The file system core: what each operation means for a tree of read-only mail. It knows neither the
 * kernel's structures nor how a transport names its nodes, and it is synchronous.
 */
import { constants } from 'node:os';
import type { BlockCache } from './content/blockCache.ts';
import { CheckedReads } from './content/checkedReads.ts';
import type { BlockSources } from './content/readRange.ts';
import { FsError, errnoOfError } from './fsError.ts';
import type {
  Attributes,
  Entry,
  FileItem,
  FolderPlace,
  LinkItem,
  Node,
  Place,
  Tree,
  TreeStatistics,
} from './tree.ts';

export const NAME_MAX_BYTES = 255;

const DOT = Buffer.from('.');
const DOT_DOT = Buffer.from('..');

/** `.` and `..` stand before the tree's own entries, so the cookies of a transport are two ahead of its. */
const DOT_COOKIE = 1;
const DOT_DOT_COOKIE = 2;

/** An entry of a folder; without a node where the kernel must not be told one: `.` and `..`. */
export interface DirectoryEntry {
  readonly name: Buffer;
  readonly node: Node | undefined;
  readonly attributes: Attributes;
}

/** `cookie` is where to go on after the entry; false ends the listing. */
export type DirectoryVisitor = (entry: DirectoryEntry, cookie: number) => boolean;

export class Filesystem {
  readonly #tree: Tree;
  readonly #reads: CheckedReads;

  /** `beforeLoad` may put off a read that would wait for the disk; nothing else does. */
  constructor(tree: Tree, cache: BlockCache, sources: Omit<BlockSources, 'cache'> = {}) {
    this.#tree = tree;
    this.#reads = new CheckedReads({ cache, ...sources });
  }

  get root(): Node & { readonly place: FolderPlace } {
    return { place: this.#tree.root, number: 0 };
  }

  /** `.` and `..` are asked for by a kernel that exports the mount over NFS. Undefined: no such name. */
  lookup(parent: Node, name: Buffer): Entry | undefined {
    if (name.length > NAME_MAX_BYTES) throw new FsError('ENAMETOOLONG');
    if (name.equals(DOT)) return this.#entryOf(parent);
    if (name.equals(DOT_DOT)) return this.#entryOf({ place: parentOf(parent), number: 0 });
    return folderOf(parent).lookup(name);
  }

  negativeValidMs(parent: Node): number {
    return folderOf(parent).negativeValidMs;
  }

  attributes(node: Node): Attributes {
    try {
      return itemOf(node).attributes();
    } catch (error) {
      throw staleWhereGone(error);
    }
  }

  /** Calls `visit` for what comes after `cookie` (0: from the start), until it returns false. */
  list(node: Node, cookie: number, visit: DirectoryVisitor): void {
    const folder = folderOf(node);
    if (cookie < DOT_COOKIE) {
      const attributes = folder.attributes();
      if (!visit({ name: DOT, node: undefined, attributes }, DOT_COOKIE)) return;
    }
    if (cookie < DOT_DOT_COOKIE) {
      const attributes = (folder.parent ?? folder).attributes();
      if (!visit({ name: DOT_DOT, node: undefined, attributes }, DOT_DOT_COOKIE)) return;
    }
    const after = cookie > DOT_DOT_COOKIE ? cookie - DOT_DOT_COOKIE : 0;
    folder.list(after, (entry) => visit(entry, entry.cookie + DOT_DOT_COOKIE));
  }

  /** Fills `target` as far as the file goes, and returns how far. */
  read(node: Node, offset: number, target: Buffer): number {
    try {
      const item = itemOf(node);
      if (item.kind === 'folder') throw new FsError('EISDIR');
      if (item.kind === 'link') throw new FsError('EINVAL');
      return this.#reads.read(item.content(), offset, target);
    } catch (error) {
      throw staleWhereGone(error);
    }
  }

  readlink(node: Node): Buffer {
    try {
      const item = itemOf(node);
      if (item.kind !== 'link') throw new FsError('EINVAL');
      return item.target();
    } catch (error) {
      throw staleWhereGone(error);
    }
  }

  xattrNames(node: Node): readonly string[] {
    try {
      return itemOf(node).xattrNames();
    } catch (error) {
      throw staleWhereGone(error);
    }
  }

  /**
   * There are `user.` names only. Of others it is said that there can be none: `ls -l` asks for an ACL and a label of the
   * first file then, and no longer of every single one.
   */
  xattr(node: Node, name: string): Buffer {
    if (!name.startsWith('user.')) throw new FsError('EOPNOTSUPP');
    const value = this.#xattr(node, name);
    if (value === undefined) throw new FsError('ENODATA');
    return value;
  }

  #xattr(node: Node, name: string): Buffer | undefined {
    try {
      return itemOf(node).xattr(name);
    } catch (error) {
      throw staleWhereGone(error);
    }
  }

  get tracksOpenFolders(): boolean {
    return this.#tree.tracksOpenFolders === true;
  }

  /** Tells the folder at the top that this one is in. */
  openFolder(node: Node): void {
    topOf(folderOf(node)).opened?.();
  }

  releaseFolder(node: Node): void {
    topOf(folderOf(node)).released?.();
  }

  /** To be called before each request. */
  begin(): void {
    this.#tree.begin?.();
  }

  /** Whether a request that failed with this error may be tried again, as a new one; see Tree. */
  goesOnWithout(error: unknown): boolean {
    return this.#tree.goesOnWithout?.(error) ?? false;
  }

  statistics(): TreeStatistics {
    return this.#tree.statistics();
  }

  close(): void {
    this.#tree.close();
  }

  #entryOf(node: Node): Entry {
    return { node, attributes: this.attributes(node) };
  }
}

/**
 * What a program has open, or the kernel knows, can be gone with its user. It is asked for by its node then, not by a name, and ENOENT
 * is the answer to a name. At ESTALE the kernel looks the name up again where a path was given, and tells other programs that.
 */
function staleWhereGone(error: unknown): unknown {
  return errnoOfError(error) === constants.errno.ENOENT ? new FsError('ESTALE') : error;
}

function itemOf(node: Node): Place | FileItem | LinkItem {
  return node.number === 0 ? node.place : containerOf(node.place).child(node.number);
}

function folderOf(node: Node): FolderPlace {
  if (node.number !== 0) throw new FsError('ENOTDIR');
  return containerOf(node.place);
}

/** Below the root, where it is not the root itself. */
function topOf(folder: FolderPlace): FolderPlace {
  let top = folder;
  while (top.parent?.parent !== undefined) top = top.parent;
  return top;
}

function containerOf(place: Place): FolderPlace {
  if (place.kind !== 'folder') throw new FsError('ENOTDIR');
  return place;
}

function parentOf(node: Node): Place {
  return node.number === 0 ? (node.place.parent ?? node.place) : node.place;
}
