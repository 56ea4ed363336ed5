/**
 * Resolves the paths by which libfuse2 identifies nodes. Resolved folders are cached for a second.
 * Thus a path in a cached folder costs one look-up, instead of one per path component.
 */
import { LRUCache } from 'lru-cache';
import { FsError } from '../vfs/fsError.ts';
import type { Filesystem } from '../vfs/filesystem.ts';
import type { Attributes, Entry, Node } from '../vfs/tree.ts';

const MAX_FOLDERS = 1000;

export interface Resolved {
  readonly node: Node;
  readonly attributes: Attributes;
}

export class Paths {
  readonly #filesystem: Filesystem;
  readonly #folders: LRUCache<string, Node>;

  constructor(filesystem: Filesystem, validMs: number) {
    this.#filesystem = filesystem;
    this.#folders = new LRUCache<string, Node>({ max: MAX_FOLDERS, ttl: validMs });
  }

  /** Returns the path's node with its current attributes. Throws ENOENT if it does not exist. */
  resolve(path: string): Resolved {
    if (path === '/') {
      const node = this.#filesystem.root;
      return { node, attributes: this.#filesystem.attributes(node) };
    }
    const slash = path.lastIndexOf('/');
    const entry = this.#lookup(path.slice(0, slash), Buffer.from(path.slice(slash + 1)));
    if (entry === undefined) throw new FsError('ENOENT');
    if (entry.attributes.kind === 'folder') this.#folders.set(path, entry.node);
    return entry;
  }

  node(path: string): Node {
    return this.#folders.get(path) ?? this.resolve(path).node;
  }

  /**
   * Looks up a name in a folder. If that fails in a cached folder, another folder may have replaced
   * it, so its path is resolved again.
   */
  #lookup(folder: string, name: Buffer): Entry | undefined {
    try {
      return this.#filesystem.lookup(this.#folder(folder), name);
    } catch (error) {
      if (!this.#folders.delete(folder)) throw error;
      return this.#filesystem.lookup(this.#folder(folder), name);
    }
  }

  #folder(path: string): Node {
    return path === '' ? this.#filesystem.root : this.node(path);
  }
}
