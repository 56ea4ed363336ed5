/**
 * The file system core. It implements each file operation on a tree of read-only mail. It is
 * synchronous. It depends neither on the kernel's structures nor on how a transport identifies
 * nodes.
 */
import { constants } from 'node:os';
import type { BlockCache } from '../content/blockCache.ts';
import { CheckedReads } from '../content/checkedReads.ts';
import type { BlockSources } from '../content/readRange.ts';
import { FsError, errnoOfError } from './fsError.ts';
import type {
  Attributes,
  Entry,
  FileItem,
  FolderReference,
  LinkItem,
  Node,
  NodeReference,
  Tree,
  TreeStatistics,
} from './tree.ts';

export const NAME_MAX_BYTES = 255;

const DOT = Buffer.from('.');
const DOT_DOT = Buffer.from('..');

/**
 * The listing cookie of `.`. Because `.` and `..` precede the tree's own entries, a transport's
 * cookie is the tree's cookie plus two.
 */
const DOT_COOKIE = 1;
const DOT_DOT_COOKIE = 2;

/**
 * An entry of a folder. `.` and `..` have no node, because the kernel must not receive a node for
 * them.
 */
export interface DirectoryEntry {
  readonly name: Buffer;
  readonly node: Node | undefined;
  readonly attributes: Attributes;
}

/**
 * Receives an entry and the cookie from which the listing continues after it. Returns false to end
 * the listing.
 */
export type DirectoryVisitor = (entry: DirectoryEntry, cookie: number) => boolean;

export class Filesystem {
  readonly #tree: Tree;
  readonly #reads: CheckedReads;

  /**
   * `sources.beforeLoad` may defer a read that would have to wait for the disk. No other operation
   * can be deferred.
   */
  constructor(tree: Tree, cache: BlockCache, sources: Omit<BlockSources, 'cache'> = {}) {
    this.#tree = tree;
    this.#reads = new CheckedReads({ cache, ...sources });
  }

  get root(): Node & { readonly place: FolderReference } {
    return { place: this.#tree.root, number: 0 };
  }

  /**
   * Looks up a name in a folder. Returns undefined if the name does not exist. If the mount is
   * exported over NFS, the kernel also looks up `.` and `..`.
   */
  lookup(parent: Node, name: Buffer): Entry | undefined {
    if (name.length > NAME_MAX_BYTES) throw new FsError('ENAMETOOLONG');
    if (name.equals(DOT)) return this.#entryOf(parent);
    if (name.equals(DOT_DOT)) return this.#entryOf({ place: parentOf(parent), number: 0 });
    return folderOf(parent).lookup(name);
  }

  negativeValidMs(parent: Node): number {
    return folderOf(parent).negativeValidMs;
  }

  hidesNames(parent: Node): boolean {
    // A message is a parent in a lookup of `.` or `..`, as NFS does it.
    return parent.number === 0 && (folderOf(parent).hidesNames ?? false);
  }

  attributes(node: Node): Attributes {
    try {
      return itemOf(node).attributes();
    } catch (error) {
      throw staleWhereGone(error);
    }
  }

  /** Calls `visit` for each entry after `cookie` (0: from the start) until it returns false. */
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

  /** Reads into `target` up to the file's end. Returns the number of bytes read. */
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
   * Returns an extended attribute. Only names in the `user.` namespace exist. Any other namespace
   * gives EOPNOTSUPP. After that error, `ls -l` does not ask for the ACL and the label of every
   * further file.
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

  /** Tells the top-level folder that contains `node` that this folder has been opened. */
  openFolder(node: Node): void {
    topOf(folderOf(node)).opened?.();
  }

  releaseFolder(node: Node): void {
    topOf(folderOf(node)).released?.();
  }

  /** Marks the start of a request. The transport must call it before each request. */
  begin(): void {
    this.#tree.begin?.();
  }

  /**
   * Reports whether a request that failed with this error may be retried (see Tree.goesOnWithout).
   */
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
 * Converts ENOENT to ESTALE for requests that refer to a node. ENOENT is only a valid answer about
 * a name. A file that is open or known to the kernel can disappear together with its user. After
 * ESTALE, the kernel looks the name up again if it has a path. Otherwise it passes ESTALE to the
 * program.
 */
function staleWhereGone(error: unknown): unknown {
  return errnoOfError(error) === constants.errno.ENOENT ? new FsError('ESTALE') : error;
}

function itemOf(node: Node): NodeReference | FileItem | LinkItem {
  return node.number === 0 ? node.place : containerOf(node.place).child(node.number);
}

function folderOf(node: Node): FolderReference {
  if (node.number !== 0) throw new FsError('ENOTDIR');
  return containerOf(node.place);
}

/**
 * Returns the ancestor of the folder that lies directly below the root. For the root, it returns
 * the root.
 */
function topOf(folder: FolderReference): FolderReference {
  let top = folder;
  while (top.parent?.parent !== undefined) top = top.parent;
  return top;
}

function containerOf(place: NodeReference): FolderReference {
  if (place.kind !== 'folder') throw new FsError('ENOTDIR');
  return place;
}

function parentOf(node: Node): NodeReference {
  return node.number === 0 ? (node.place.parent ?? node.place) : node.place;
}
