/**
 * A small file whose text is generated on access: a script, a list, a status page. Reading returns
 * what stat reported: the text is generated anew only if no snapshot was taken within the last half
 * second.
 */
import type { Attributes, Content, FileItem, FolderReference } from '../vfs/tree.ts';
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
  readonly parent: FolderReference;
  readonly #of: TextOwner;
  readonly #make: () => string | Buffer;
  readonly #sinceMs: number | undefined;

  /**
   * `make` returns bytes, or a string in latin1. `sinceMs` is when the text came to be as it is, if
   * known.
   */
  constructor(
    key: string,
    parent: FolderReference,
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
