/**
 * The interface between the file system core and the code that knows mail. Everything here is
 * synchronous. A kernel request is answered in one turn of the event loop. It uses one or two
 * SQLite queries and inflates at most one block.
 *
 * A node is a place and a number. A place is a folder, or a file or link that is not a message. The
 * tree creates places as objects, and the core keeps only those that the kernel remembers. The
 * messages of a folder are just numbers in it (their UIDs). Nothing is kept for each message, so
 * listing a million messages costs no memory.
 *
 * Every error is a BackupError (src/errors.ts gives its errno) or an FsError. `not-found` is
 * ENOENT.
 */

import type { Stored } from '../content/stored.ts';
import type { PrefetchPlanWithKeys } from '../content/prefetchList.ts';

export interface Attributes {
  readonly kind: 'folder' | 'file' | 'link';
  /**
   * The inode number, 1 to 2^63-1. It never changes while the file exists, not even across
   * remounts.
   */
  readonly inode: bigint;
  /**
   * Exactly the number of bytes that reading returns. The kernel cuts off any excess, and a shorter
   * result looks like damage.
   */
  readonly sizeBytes: number;
  /**
   * A folder's mtime changes whenever its list changes, if only by a microsecond. The kernel uses
   * the mtime to decide whether its cached list is still valid.
   */
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly nlink: number;
  /** The permission bits without the file type, such as 0o400. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /**
   * How long the kernel may cache these attributes and the fact that this name leads to this node.
   * If a folder has 0, every path through it is looked up again. One second makes `ls -l` of many
   * files several times faster.
   */
  readonly validMs: number;
}

/** A run of bytes that is loaded (inflated) and cached as a unit. */
export interface Location {
  /**
   * The block's key in the cache, such as `serial of the opened file:offset of the flush point`. A
   * key is never reused for another block.
   */
  readonly blockKey: string;
  readonly offsetInBlock: number;
  /**
   * Returns the whole block in a buffer that holds nothing else. A slice of a larger buffer would
   * keep the whole buffer in the cache. `room` is memory that is no longer needed; the block may be
   * placed in it.
   */
  readonly load: (room?: Buffer) => Buffer;
  /** The stored range that `load` reads from, if it is contiguous. */
  readonly stored?: Stored;
  /**
   * Like `load`, but returns only the first bytes. Damage may go undetected, so the caller must
   * verify the bytes. Some blocks do not support it.
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
   * Returns up to `sizeBytes` from `offset`, although the block is damaged elsewhere. Throws
   * 'damaged' if these bytes are damaged, too.
   */
  rescue?(offset: number, sizeBytes: number): Buffer;
}

interface Item {
  attributes(): Attributes;
  /** Returns the names of the extended attributes, with their `user.` prefix. */
  xattrNames(): readonly string[];
  xattr(name: string): Buffer | undefined;
}

/**
 * A file. The content of some files may change (a status page). For these, `attributes` takes a
 * snapshot, and `content` serves that snapshot until the next one is taken. Size and bytes
 * therefore agree, and each snapshot has its own mtime. A snapshot is kept for at least half a
 * second, because reading a file to its end requests the attributes two or three times.
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
  /** How long the kernel may cache that a name does not exist in this folder. */
  readonly negativeValidMs: number;
  /**
   * Whether a name must look missing to accounts that may not use what it leads to. Transports that
   * know the caller keep this; see fuse/server/caller.ts.
   */
  readonly hidesNames?: boolean;
  /** Looks up a name. The transport overwrites the memory of `name` after the call. */
  lookup(name: Buffer): Entry | undefined;
  /**
   * Calls `visit` for entries with a cookie above `after` (0: all), in cookie order, until it
   * returns false. `.` and `..` are not included.
   */
  list(after: number, visit: (entry: ListedEntry) => boolean): void;
  /**
   * Returns the child with this number (1 to 2^32-1). An open file may be requested after its name
   * is gone. It can still be read, with a link count of 0, as long as its bytes exist. Throws
   * ESTALE if the bytes are gone, too.
   */
  child(number: number): FileItem | LinkItem;
  /**
   * Returns the same object as long as the list and the attributes of its entries are unchanged.
   * Returns undefined if a change can be detected only by listing.
   */
  listVersion?(): object | undefined;
  /**
   * Returns the files that a sequential reader will need next. These are the files after number
   * `after` in list order, in blocks of about `maxBytes` in total. Leaves out files longer than
   * `largestBytes`.
   */
  upcoming?(after: number, maxBytes: number, largestBytes: number): PrefetchPlanWithKeys | undefined;
  /**
   * Called when a program has opened or released this folder or a folder below it, but only if
   * Tree.tracksOpenFolders is set.
   */
  opened?(): void;
  released?(): void;
}

/**
 * Identifies the part of the store that a folder shows. The watcher invalidates the folder when
 * that part changes. A folder without this information relies on its `validMs`. It holds plain
 * values only, because it is posted to another thread.
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
  /**
   * The key of the place. Two places with the same key are the same node, and the later object
   * replaces the earlier one.
   */
  readonly key: string;
  /** The parent folder; undefined only for the root. */
  readonly parent: FolderReference | undefined;
}

export type FolderReference = FolderItem & Registered & { readonly shown?: ShownFolder | undefined };
export type NodeReference = FolderReference | (FileItem & Registered) | (LinkItem & Registered);

export interface Node {
  readonly place: NodeReference;
  /**
   * 0 for the place itself; otherwise the number of a child of the folder `place`, such as a
   * message's UID.
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
   * The position from which the listing continues after this entry, 1 to 2^52. It does not change
   * while entries are added to the folder or removed from it.
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
   * Marks the start of a request. Until the next request starts, the tree answers from the same
   * files, even if they are replaced on the disk.
   */
  begin?(): void;
  /**
   * Reports whether an error shows that an index is damaged. If so, the tree stops using that index
   * from the next request on, and the request may be retried.
   */
  goesOnWithout?(error: unknown): boolean;
  /** Whether top-level folders are informed when a folder in them is opened or released. */
  readonly tracksOpenFolders?: boolean;
  close(): void;
}

/**
 * Tells a transport how to open a tree. An SQLite handle belongs to one thread, so a tree is opened
 * in the thread that serves it. A transport therefore gets the URL of a module that exports
 * `openTree`, and options that can be posted to a worker.
 */
export interface TreeSource {
  /** The module's file: URL. */
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
 * Makes the kernel forget what it has cached. Each method resolves when the invalidation is done,
 * even if the kernel had cached nothing.
 */
export interface Invalidator {
  /**
   * Invalidates a folder's attributes. With `withList`, it also invalidates the folder's list,
   * because some changes to the list may not change the mtime.
   */
  folder(number: number, withList: boolean): Promise<void>;
  /** Invalidates the attributes of a folder's child, given by its number. */
  child(number: number, child: number): Promise<void>;
  /** Invalidates a name in a folder and everything cached below it. */
  name(parent: number, name: Buffer): Promise<void>;
}

/** Watches the store and invalidates what the kernel has cached when it is outdated. */
export interface Watcher {
  /**
   * Adds folders that the kernel now knows. `atMs` (unix time) is when the kernel received their
   * contents.
   */
  remember(folders: readonly KnownFolder[], atMs: number): void;
  forget(numbers: readonly number[]): void;
  /** Resolves once the watcher will make no more calls to the invalidator. */
  close(): Promise<void>;
}

export interface TreeModule {
  openTree(options: unknown, log?: (line: string) => void): Tree;
  /**
   * Watches the tree, for transports that can invalidate. It runs in another thread than the tree.
   */
  watchTree?(options: unknown, invalidator: Invalidator, log: (line: string) => void): Watcher;
}
