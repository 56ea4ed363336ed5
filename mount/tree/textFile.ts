/**
 * A small file whose text is generated on access: a script, a list or a status page. Reading
 * returns the text whose size stat reported. The text is regenerated only if the last snapshot is
 * more than half a second old.
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
   * `make` generates the text as bytes, or as a string in latin1. `sinceMs` is the time when the
   * text last changed, if that is known.
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
