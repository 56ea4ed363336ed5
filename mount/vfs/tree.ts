/**
 * What the file system core asks of whoever knows mail. Everything here is synchronous: a kernel request is
 * answered within one turn, by one SQLite query or two, and a block at most is inflated.
 *
 * A node is a place and a number. Places (folders, and files or links that stand alone) are objects of the
 * tree's own making, and the core only remembers those that the kernel remembers. What a folder has in
 * masses, its messages, are numbers in it (the UID), for which nobody keeps anything: walking over a
 * million messages costs no memory.
 *
 * Errors: a BackupError (src/errors.ts has its errno) or an FsError. `not-found` is ENOENT.
 */

import type { Stored } from '../content/stored.ts';
import type { UpcomingWithKeys } from '../content/prefetchList.ts';

export interface Attributes {
  readonly kind: 'folder' | 'file' | 'link';
  /** 1 to 2^63-1; the same for as long as the thing exists, also across remounts. */
  readonly inode: bigint;
  /** Exactly what reading gives: the kernel cuts off what is longer, and takes a short read for damage. */
  readonly sizeBytes: number;
  /** A folder's moves whenever its list does, be it by a microsecond: the kernel's cached list hangs on it. */
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly nlink: number;
  /** Permission bits only, such as 0o400. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /**
   * For how long the kernel may believe these attributes, and that this name leads to this node. With 0 for a
   * folder, every path through it is asked for anew: a second makes `ls -l` of many files times faster.
   */
  readonly validMs: number;
}

/** A run of bytes that is loaded (inflated) as one and cached as one. */
export interface Location {
  /** Names the block in the cache, such as `number of the opened file:offset of the flush point`; never reused. */
  readonly blockKey: string;
  readonly offsetInBlock: number;
  /**
   * Gives the whole block, in memory of its own: a slice of something larger would pin that in the cache. Where there is room,
   * memory that nobody needs any more, it may be in that.
   */
  readonly load: (room?: Buffer) => Buffer;
  /** Where load finds it, if that is in one place. */
  readonly stored?: Stored;
  /** As load, but only the first bytes, for who can tell whether they are right: damage may go unnoticed. Not every block has it. */
  readonly loadStart?: (sizeBytes: number, room?: Buffer) => Buffer;
}

export interface Content {
  readonly sizeBytes: number;
  /** The SHA-1 of all of it, in lower-case hexadecimal, and what to throw where that is not so (checkedReads.ts). */
  readonly check?: { readonly sha1: string; readonly failed: () => Error };
  /**
   * Where the byte at `offset` (below sizeBytes) lies. The content goes on in that block until the block
   * ends or the content does; after a block's end, the next byte is asked for again.
   */
  at(offset: number): Location;
  /** Up to `sizeBytes` from `offset` on, where the block there is damaged and these bytes are not. Throws 'damaged' where they are. */
  rescue?(offset: number, sizeBytes: number): Buffer;
}

interface Item {
  attributes(): Attributes;
  /** Names with their `user.` prefix. */
  xattrNames(): readonly string[];
  xattr(name: string): Buffer | undefined;
}

/**
 * A file. Where its content may change (a status page), `attributes` takes a snapshot that `content` serves
 * until it takes another, so that size and bytes agree, and mtime tells one snapshot from another. It keeps
 * a snapshot for half a second or more: whoever reads to the end asks for attributes twice or thrice.
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
  /** For how long the kernel may believe that a name is not here. */
  readonly negativeValidMs: number;
  /** `name` is the transport's memory: it changes after the call. */
  lookup(name: Buffer): Entry | undefined;
  /**
   * Calls `visit` for the entries whose cookie is over `after` (0: all), in the cookies' order, until it
   * returns false. Without `.` and `..`.
   */
  list(after: number, visit: (entry: ListedEntry) => boolean): void;
  /**
   * The child with this number (1 to 2^32-1). May be asked for one whose name is gone, because it is open: it goes on, with no links,
   * for as long as its bytes are there. Throws ESTALE where they are not.
   */
  child(number: number): FileItem | LinkItem;
  /**
   * Steady for as long as the list, and the attributes of what is in it, are: compared as an object. Undefined: that cannot be told without
   * listing.
   */
  listVersion?(): object | undefined;
  /**
   * What whoever reads one file after another will want next: files behind that number, in the order of the list, in blocks of about
   * `maxBytes` together. Longer files than `largestBytes` are left out.
   */
  upcoming?(after: number, maxBytes: number, largestBytes: number): UpcomingWithKeys | undefined;
  /** Somebody opened it, or a folder anywhere in it, or is done with that. Only asked where Tree.tracksOpenFolders. */
  opened?(): void;
  released?(): void;
}

/**
 * What in the store a folder shows. By it, the kernel is told when that has changed; what is told nothing lives by its
 * `validMs`. Plain values only: it is posted to another thread.
 */
export interface ShownFolder {
  readonly userid: string;
  /** The path of the user's data file, as far as is known. */
  readonly dataFile: string;
  /** Where in the user's tree; empty for the user's own folder. */
  readonly path: string;
  /** What it is called in the folder that it is in. */
  readonly name: string;
  /** Tells it from another that had, or will have, the same path. */
  readonly identity: string;
}

interface Registered {
  /** Two places with one key are the same node; later objects take the place of earlier ones. */
  readonly key: string;
  /** Undefined for the root only. */
  readonly parent: FolderPlace | undefined;
}

export type FolderPlace = FolderItem & Registered & { readonly shown?: ShownFolder | undefined };
export type Place = FolderPlace | (FileItem & Registered) | (LinkItem & Registered);

export interface Node {
  readonly place: Place;
  /** 0 for the place itself; else the number of a child of the folder `place`, for a message its UID. */
  readonly number: number;
}

export interface Entry {
  readonly node: Node;
  readonly attributes: Attributes;
}

export interface ListedEntry extends Entry {
  /** Bytes as they appear in the folder: no slash, no NUL, at most 255. */
  readonly name: Buffer;
  /** 1 to 2^52: where to go on after this entry. Steady while the folder grows and shrinks. */
  readonly cookie: number;
}

export interface TreeStatistics {
  /** What all files take, in blocks of `blockBytes`. */
  readonly blockBytes: number;
  readonly blocks: number;
  readonly files: number;
}

export interface Tree {
  readonly root: FolderPlace;
  statistics(): TreeStatistics;
  /** A request begins: until the next one does, the tree answers from the same files, though others may take their names meanwhile. */
  begin?(): void;
  /**
   * Whether an error shows that an index is damaged: then the tree goes on without that index from the next request on,
   * and the request may be tried again.
   */
  goesOnWithout?(error: unknown): boolean;
  /** Whether folders at the top are to be told who opens folders in them. */
  readonly tracksOpenFolders?: boolean;
  close(): void;
}

/**
 * A tree is opened in the thread that serves it, because SQLite handles belong to a thread. So transports
 * are given where to find a module with `openTree`, and options that survive being posted to a worker.
 */
export interface TreeSource {
  /** A file: URL. */
  readonly module: string;
  readonly options: unknown;
  /** What it is made of: folders that the mount must neither hide nor lie in. */
  readonly store?: readonly string[];
  /** What the mount table shows as the source, such as the configuration's path. */
  readonly source?: string;
}

/** A folder that the kernel has come to know, by its number and that of the folder it is in. */
export interface KnownFolder {
  readonly number: number;
  readonly parent: number;
  readonly shown: ShownFolder;
}

/** How the kernel is made to forget. Resolves when it has, also where it knew nothing of it. */
export interface Invalidator {
  /** A folder's attributes; `withList`: its list too, for where its time may not tell. */
  folder(number: number, withList: boolean): Promise<void>;
  /** The attributes of a folder's child, by its number. */
  child(number: number, child: number): Promise<void>;
  /** That there is something of this name in a folder, and all that it knows below. */
  name(parent: number, name: Buffer): Promise<void>;
}

/** Sees to it that the kernel forgets what is no longer so. */
export interface Watcher {
  /** `atMs` (unix time): when the kernel was told what is in them. */
  remember(folders: readonly KnownFolder[], atMs: number): void;
  forget(numbers: readonly number[]): void;
  /** Resolves when it will call the invalidator no more. */
  close(): Promise<void>;
}

export interface TreeModule {
  openTree(options: unknown, log?: (line: string) => void): Tree;
  /** For a transport that can tell the kernel; in another thread than the tree's. */
  watchTree?(options: unknown, invalidator: Invalidator, log: (line: string) => void): Watcher;
}
