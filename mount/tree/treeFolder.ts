/**
 * A folder that contains some fixed names in addition to its regular entries. Examples are `.sieve`
 * in a user's folder and `cur` in a Maildir. A hidden name can always be looked up, but it is
 * listed only with `-o listall`.
 */
import { BackupError } from '../../src/errors.ts';
import { NEGATIVE_VALID_MS } from './validity.ts';
import type {
  Attributes,
  Entry,
  FileItem,
  FolderReference,
  LinkItem,
  ListedEntry,
  NodeReference,
} from '../vfs/tree.ts';

/**
 * The first cookie of fixed names. It is greater than the cookie of any regular entry, which is a
 * mailbox's id, or a UID plus 2^32.
 */
const FIXED_COOKIES = 2 ** 33;

export interface FixedName {
  readonly name: string;
  readonly isListed: boolean;
  /** Reports whether the name is present. Undefined if the name is always present. */
  readonly isThere?: () => boolean;
  readonly make: (parent: FolderReference) => NodeReference;
}

export interface FolderShape {
  readonly key: string;
  /** The parent folder; undefined only for the mount's root. */
  readonly parent: FolderReference | undefined;
  /** The folder's name in its parent. */
  readonly name?: string;
  /**
   * Returns the fixed names. It is called only when the folder's contents are accessed, because
   * most folders are only listed.
   */
  readonly fixed?: () => readonly FixedName[];
  /** Returns attributes that replace the usual ones of this kind of folder. */
  readonly attributes?: () => Attributes;
  /** Called when the folder is opened (see FolderReference). */
  readonly opened?: () => void;
  readonly released?: () => void;
}

export abstract class TreeFolder implements FolderReference {
  readonly kind = 'folder';
  readonly key: string;
  readonly parent: FolderReference | undefined;
  readonly negativeValidMs = NEGATIVE_VALID_MS;

  get hidesNames(): boolean {
    return false;
  }

  readonly #shape: FolderShape;

  constructor(shape: FolderShape) {
    this.key = shape.key;
    this.parent = shape.parent;
    this.#shape = shape;
  }

  attributes(): Attributes {
    return this.#shape.attributes?.() ?? this.ownAttributes();
  }

  opened(): void {
    this.#shape.opened?.();
  }

  released(): void {
    this.#shape.released?.();
  }

  protected abstract ownAttributes(): Attributes;
  /** Looks up a name that is not one of the fixed names. */
  protected abstract find(name: string): Entry | undefined;
  protected abstract each(after: number, visit: (entry: ListedEntry) => boolean): void;

  lookup(name: Buffer): Entry | undefined {
    const text = name.toString('utf8');
    const fixed = this.#fixed().find((each) => each.name === text);
    if (fixed === undefined) return this.find(text);
    return fixed.isThere?.() === false ? undefined : entryOf(fixed.make(this));
  }

  list(after: number, visit: (entry: ListedEntry) => boolean): void {
    let goesOn = true;
    if (after < FIXED_COOKIES) this.each(after, (entry) => (goesOn = visit(entry)));
    for (const [at, { name, isListed, isThere, make }] of this.#fixed().entries()) {
      const cookie = FIXED_COOKIES + at;
      if (!goesOn || !isListed || cookie <= after || isThere?.() === false) continue;
      goesOn = visit({ ...entryOf(make(this)), name: Buffer.from(name), cookie });
    }
  }

  child(number: number): FileItem | LinkItem {
    throw new BackupError('not-found', `${this.key}: no file ${number}`);
  }

  xattrNames(): readonly string[] {
    return [];
  }

  xattr(_name: string): Buffer | undefined {
    return undefined;
  }

  #fixed(): readonly FixedName[] {
    return this.#shape.fixed?.() ?? [];
  }
}

export function entryOf(place: NodeReference): Entry {
  return { node: { place, number: 0 }, attributes: place.attributes() };
}

export interface Child {
  readonly name: string;
  readonly cookie: number;
  readonly make: () => Entry;
}

/** Returns the child with this name. */
export function findChild(children: Iterable<Child>, name: string): Entry | undefined {
  for (const child of children) if (child.name === name) return child.make();
  return undefined;
}

/** Lists the children after a cookie, in the order of their cookies. */
export function listChildren(
  children: Iterable<Child>,
  after: number,
  visit: (entry: ListedEntry) => boolean,
): void {
  for (const { name, cookie, make } of children) {
    if (cookie <= after) continue;
    if (!visit({ ...make(), name: Buffer.from(name, 'utf8'), cookie })) return;
  }
}
