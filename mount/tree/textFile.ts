/**
 * A small file that is made when somebody looks: a script, a list, a status page. What stat was told is what reading
 * gives: the text is made anew only after half a second in which nobody asked for attributes.
 */
import type { Attributes, Content, FileItem, FolderPlace } from '../vfs/tree.ts';
import { fileAttributes } from './attributes.ts';
import { inodeOf } from './hash.ts';
import type { Snapshot, Snapshots } from './hidden/snapshots.ts';
import type { Owner } from './owner.ts';

const KEPT_MS = 500;

export interface TextOwner {
  readonly owner: Owner;
  readonly snapshots: Snapshots;
}

export class TextFile implements FileItem {
  readonly kind = 'file';
  readonly key: string;
  readonly parent: FolderPlace;
  readonly #of: TextOwner;
  readonly #make: () => string | Buffer;
  readonly #sinceMs: number | undefined;

  /** `make` gives bytes, or as latin1; `sinceMs` is since when they are so, where that is known. */
  constructor(
    key: string,
    parent: FolderPlace,
    view: { readonly user: TextOwner },
    make: () => string | Buffer,
    sinceMs?: number,
  ) {
    this.key = key;
    this.parent = parent;
    this.#of = view.user;
    this.#make = make;
    this.#sinceMs = sinceMs;
  }

  attributes(): Attributes {
    const { bytes, mtimeMs } = this.#snapshot(KEPT_MS);
    const shape = { inode: inodeOf('file', this.key), mtimeMs, owner: this.#of.owner };
    return fileAttributes(shape, bytes.length);
  }

  content(): Content {
    const { bytes, serial } = this.#snapshot(Infinity);
    const at = (offset: number) => ({
      blockKey: `text:${serial}`,
      offsetInBlock: offset,
      load: () => Buffer.from(bytes),
    });
    return { sizeBytes: bytes.length, at };
  }

  xattrNames(): readonly string[] {
    return [];
  }

  xattr(): undefined {
    return undefined;
  }

  #snapshot(maxAgeMs: number): Snapshot {
    return this.#of.snapshots.get(this.key, maxAgeMs, this.#make, this.#sinceMs);
  }
}
