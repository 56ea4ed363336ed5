/**
 * What is worked out of a backup's index and worth keeping while the index stays as it is: folder structures, tables of
 * keywords, lay-outs of mbox files. It goes with the reader, and the least used goes first.
 */
import { LRUCache } from 'lru-cache';
import type { BackupReader } from '../../src/backup/reader.ts';

const KEPT_EACH = 32;

interface Versioned<T> {
  /** Of what it was made from: where that has moved on, it is made anew. */
  readonly version: string;
  readonly value: T;
}

export class PerBackup<T extends object> {
  readonly #all = new WeakMap<BackupReader, LRUCache<string, Versioned<T>>>();

  get(reader: BackupReader, key: string, version: string, make: () => T): T {
    let kept = this.#all.get(reader);
    if (kept === undefined) {
      kept = new LRUCache<string, Versioned<T>>({ max: KEPT_EACH });
      this.#all.set(reader, kept);
    }
    const known = kept.get(key);
    if (known?.version === version) return known.value;
    const value = make();
    kept.set(key, { version, value });
    return value;
  }
}
