/**
 * The backups that the tree has open: few, whatever the store's size, and always the current ones. A handle is looked at
 * again at most every so often, for whether its files are still those under their names.
 */
import { existsSync } from 'node:fs';
import { LRUCache } from 'lru-cache';
import { BackupReader } from '../../../src/backup/reader.ts';
import { Snapshots } from '../hidden/snapshots.ts';
import { LOOK_AGAIN_MS } from '../validity.ts';

const OPEN_BACKUPS = 64;

interface Handle {
  readonly reader: BackupReader;
  lookedAtMs: number;
}

export class Handles {
  readonly snapshots = new Snapshots();
  readonly #handles = new LRUCache<string, Handle>({
    max: OPEN_BACKUPS,
    dispose: ({ reader }) => reader.close(),
  });

  readonly #log: (line: string) => void;
  #nowMs = Date.now();

  constructor(log: (line: string) => void = () => undefined) {
    this.#log = log;
  }

  /**
   * A request begins. What one look into an index has found, be it a record's place, means nothing in the index that a compaction puts in its
   * place; so within a request none takes the place of another.
   */
  begin(): void {
    this.#nowMs = Date.now();
  }

  /** When the request began (unix time). */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** The backup in that data file, opened where it is not. Throws what opening it does. */
  reader(path: string): BackupReader {
    const nowMs = this.#nowMs;
    const known = this.#handles.get(path);
    if (known !== undefined) {
      if (nowMs - known.lookedAtMs < LOOK_AGAIN_MS && !known.reader.isDoubted) return known.reader;
      known.lookedAtMs = nowMs;
      // Gone is what was moved: backups.db will be asked again, and until then all of it is still open here.
      if (known.reader.isCurrent() || !existsSync(path)) return known.reader;
      this.#handles.delete(path);
    }
    const reader = new BackupReader(path);
    if (reader.indexFault !== null) this.#log(`mount: ${reader.indexFault}; the log is read instead`);
    this.#handles.set(path, { reader, lookedAtMs: nowMs });
    return reader;
  }

  get openBackups(): number {
    return this.#handles.size;
  }

  close(): void {
    this.#handles.clear();
  }
}
