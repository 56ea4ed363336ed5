/**
 * The interface between the file system core and the code that knows mail. Everything here is
 * synchronous. A kernel request is answered in one turn of the event loop, with one or two SQLite
 * queries, and inflates at most one block.
 *
 * A node is a place and a number. Places are folders, and files or links that stand alone. The tree
 * creates them as objects, and the core remembers only those that the kernel remembers. A folder's
 * messages are just numbers in it (their UIDs). Nothing is kept for each message, so listing a
 * million of them costs no memory.
 *
 * Errors are a BackupError (its errno is in src/errors.ts) or an FsError. `not-found` is ENOENT.
 */

import type { Stored } from '../content/stored.ts';
import type { PrefetchPlanWithKeys } from '../content/prefetchList.ts';

export interface Attributes {
  readonly kind: 'folder' | 'file' | 'link';
  /** 1 to 2^63-1. Stays the same for as long as the file exists, also across remounts. */
  readonly inode: bigint;
  /**
   * Exactly the number of bytes that reading returns. The kernel cuts off anything longer, and a
   * short read looks like damage.
   */
  readonly sizeBytes: number;
  /**
   * A folder's mtime changes whenever its list does, if only by a microsecond. The kernel uses it
   * to decide whether its cached list is still valid.
   */
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly nlink: number;
  /** Permission bits only, such as 0o400. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /**
   * How long the kernel may trust these attributes, and that this name leads to this node. If a
   * folder has 0, every path through it is looked up again; one second makes `ls -l` of many files
   * several times faster.
   */
  readonly validMs: number;
}

/** A run of bytes that is loaded (inflated) and cached as a unit. */
export interface Location {
  /**
   * The block's key in the cache, such as `serial of the opened file:offset of the flush point`.
   * Never reused.
   */
  readonly blockKey: string;
  readonly offsetInBlock: number;
  /**
   * Returns the whole block in memory of its own. A slice of something larger would keep all of
   * that in the cache. `room` is memory that is no longer needed; the block may be placed in it.
   */
  readonly load: (room?: Buffer) => Buffer;
  /** The stored range that `load` reads from, if it is contiguous. */
  readonly stored?: Stored;
  /**
   * Like `load`, but returns only the first bytes. Damage may go undetected, so callers must be
   * able to verify the bytes. Not every block has it.
   */
  readonly loadStart?: (sizeBytes: number, room?: Buffer) => Buffer;
}

export interface Content {
  readonly sizeBytes: number;
  /**
   * The SHA-1 of the whole content in lower-case hexadecimal, and the error to throw if it does not
   * match (checkedReads.ts).
   */
  readonly check?: { readonly sha1: string; readonly failed: () => Error };
  /**
   * Locates the byte at `offset` (below sizeBytes). The content continues in that block until the
   * block or the content ends. The next byte after a block needs another call.
   */
  at(offset: number): Location;
  /**
   * Returns up to `sizeBytes` from `offset`, for a block that is damaged elsewhere. Throws
   * 'damaged' if these bytes are damaged, too.
   */
  rescue?(offset: number, sizeBytes: number): Buffer;
}

interface Item {
  attributes(): Attributes;
  /** Names with their `user.` prefix. */
  xattrNames(): readonly string[];
  xattr(name: string): Buffer | undefined;
}

/**
 * A file. If its content may change (a status page), `attributes` takes a snapshot, and `content`
 * serves that snapshot until the next is taken. So size and bytes agree, and mtime tells snapshots
 * apart. A snapshot is kept for at least half a second, because reading a file to its end asks for
 * the attributes two or three times.
 */
export interface FileItem extends Item {
  readonly kind: 'file';
  content(): Content;
}

export interface LinkItem extends Item {
  readonly kind: 'link';
  target(): Buffer;
}

export interface FolderItem extends Item {
  readonly kind: 'folder';
  /** How long the kernel may trust that a name does not exist here. */
  readonly negativeValidMs: number;
  /** `name` is memory of the transport, which overwrites it after the call. */
  lookup(name: Buffer): Entry | undefined;
  /**
   * Calls `visit` for entries with a cookie above `after` (0: all), in cookie order, until it
   * returns false. `.` and `..` are not included.
   */
  list(after: number, visit: (entry: ListedEntry) => boolean): void;
  /**
   * Returns the child with this number (1 to 2^32-1). A file that is open may be asked for after
   * its name is gone. It then still works, with no links, for as long as its bytes exist. Throws
   * ESTALE if they do not.
   */
  child(number: number): FileItem | LinkItem;
  /**
   * Returns the same object for as long as the list and the attributes of its entries stay the
   * same. Undefined: this cannot be told without listing.
   */
  listVersion?(): object | undefined;
  /**
   * Returns the files that a sequential reader will want next: those after number `after` in list
   * order, in blocks of about `maxBytes` in total. Leaves out files longer than `largestBytes`.
   */
  upcoming?(after: number, maxBytes: number, largestBytes: number): PrefetchPlanWithKeys | undefined;
  /**
   * A program has opened (or released) this folder or one anywhere below it. Called only if
   * Tree.tracksOpenFolders.
   */
  opened?(): void;
  released?(): void;
}

/**
 * Which part of the store a folder shows. The watcher uses it to invalidate the folder when that
 * part changes. A folder without it relies on its `validMs`. Holds plain values only, because it is
 * posted to another thread.
 */
export interface ShownFolder {
  readonly userid: string;
  /** The last known path of the user's data file. */
  readonly dataFile: string;
  /** The path within the user's tree; empty for the user's own folder. */
  readonly path: string;
  /** The folder's name in its parent. */
  readonly name: string;
  /** Distinguishes the folder from others that had, or will have, the same path. */
  readonly identity: string;
}

interface Registered {
  /** Places with the same key are the same node. A later object replaces an earlier one. */
  readonly key: string;
  /** Undefined for the root only. */
  readonly parent: FolderReference | undefined;
}

export type FolderReference = FolderItem & Registered & { readonly shown?: ShownFolder | undefined };
export type NodeReference = FolderReference | (FileItem & Registered) | (LinkItem & Registered);

export interface Node {
  readonly place: NodeReference;
  /**
   * 0 for the place itself; otherwise the number of a child of the folder `place` (a message's
   * UID).
   */
  readonly number: number;
}

export interface Entry {
  readonly node: Node;
  readonly attributes: Attributes;
}

export interface ListedEntry extends Entry {
  /** The bytes of the name in the folder: no slash, no NUL, at most 255. */
  readonly name: Buffer;
  /**
   * 1 to 2^52: where to continue after this entry. Does not change while the folder grows and
   * shrinks.
   */
  readonly cookie: number;
}

export interface TreeStatistics {
  /** The total size of all files, in blocks of `blockBytes`. */
  readonly blockBytes: number;
  readonly blocks: number;
  readonly files: number;
}

export interface Tree {
  readonly root: FolderReference;
  statistics(): TreeStatistics;
  /**
   * Marks the start of a request. Until the next one starts, the tree answers from the same files,
   * even if others replace them under their names.
   */
  begin?(): void;
  /**
   * Reports whether an error shows that an index is damaged. If so, the tree works without that
   * index from the next request on, and the request may be retried.
   */
  goesOnWithout?(error: unknown): boolean;
  /** Whether top-level folders want to know when a folder in them is opened or released. */
  readonly tracksOpenFolders?: boolean;
  close(): void;
}

/**
 * Tells a transport where to find a tree. SQLite handles belong to one thread, so a tree is opened
 * in the thread that serves it. Transports therefore get a module with `openTree` and options that
 * can be posted to a worker.
 */
export interface TreeSource {
  /** A file: URL. */
  readonly module: string;
  readonly options: unknown;
  /** The folders that hold the store. The mount must neither hide them nor lie inside them. */
  readonly store?: readonly string[];
  /** The source shown in the mount table, such as the configuration's path. */
  readonly source?: string;
}

/** A folder that the kernel knows, with its number and its parent's number. */
export interface KnownFolder {
  readonly number: number;
  readonly parent: number;
  readonly shown: ShownFolder;
}

/**
 * Makes the kernel forget what it has cached. Each method resolves when that is done, also if the
 * kernel had cached nothing.
 */
export interface Invalidator {
  /**
   * Invalidates a folder's attributes. `withList` invalidates its list, too, for changes that its
   * mtime may not show.
   */
  folder(number: number, withList: boolean): Promise<void>;
  /** Invalidates the attributes of a folder's child, given by its number. */
  child(number: number, child: number): Promise<void>;
  /** Invalidates a name in a folder and everything cached below it. */
  name(parent: number, name: Buffer): Promise<void>;
}

/** Makes the kernel forget whatever is no longer true. */
export interface Watcher {
  /** `atMs` (unix time) is when the kernel was given these folders' contents. */
  remember(folders: readonly KnownFolder[], atMs: number): void;
  forget(numbers: readonly number[]): void;
  /** Resolves once the watcher will make no more calls to the invalidator. */
  close(): Promise<void>;
}

export interface TreeModule {
  openTree(options: unknown, log?: (line: string) => void): Tree;
  /** For transports that can invalidate. Runs in another thread than the tree's. */
  watchTree?(options: unknown, invalidator: Invalidator, log: (line: string) => void): Watcher;
}
