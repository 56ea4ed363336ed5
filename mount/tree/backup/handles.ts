/**
 * The backups that the tree has open. They are few, whatever the store's size, and always current.
 * Each handle is checked at most once per RECHECK_MS for whether its files have been replaced.
 */
import { existsSync } from 'node:fs';
import { LRUCache } from 'lru-cache';
import { BackupReader } from '../../../src/backup/reader.ts';
import { Snapshots } from '../hidden/snapshots.ts';
import { RECHECK_MS } from '../validity.ts';

const OPEN_BACKUPS = 64;

interface Handle {
  readonly reader: BackupReader;
  checkedAtMs: number;
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
   * Marks the start of a request. Results from an index, such as a record's place, are meaningless
   * in an index that a compaction puts in its place. So no handle is exchanged within a request.
   */
  begin(): void {
    this.#nowMs = Date.now();
  }

  /** The start of the request (unix time). */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Returns the backup in a data file and opens it if necessary. Throws what opening throws. */
  reader(path: string): BackupReader {
    const nowMs = this.#nowMs;
    const known = this.#handles.get(path);
    if (known !== undefined) {
      if (nowMs - known.checkedAtMs < RECHECK_MS && !known.reader.isDoubted) return known.reader;
      known.checkedAtMs = nowMs;
      // A missing file means that the backup was moved. backups.db will be queried again, and until
      // then the open files remain usable.
      if (known.reader.isCurrent() || !existsSync(path)) return known.reader;
      this.#handles.delete(path);
    }
    const reader = new BackupReader(path);
    if (reader.indexFault !== null) this.#log(`mount: ${reader.indexFault}; the log is read instead`);
    this.#handles.set(path, { reader, checkedAtMs: nowMs });
    return reader;
  }

  get openBackups(): number {
    return this.#handles.size;
  }

  close(): void {
    this.#handles.clear();
  }
}
