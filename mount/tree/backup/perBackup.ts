/**
 * Caches results that are computed from a backup's index, such as folder structures, keyword tables
 * and mbox layouts. A result is valid as long as the index is unchanged. The cache lives as long as
 * the reader, and evicts the least recently used entry first.
 */
import { LRUCache } from 'lru-cache';
import type { BackupReader } from '../../../src/backup/reader.ts';

const KEPT_EACH = 32;

interface Versioned<T> {
  /**
   * The version of the data from which the value was computed. If the version has changed, the
   * value is computed again.
   */
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
