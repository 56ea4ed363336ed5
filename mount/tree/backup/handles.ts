/**
 * The backups that the tree has open. Their number is limited, whatever the size of the store. Each
 * handle is checked at most once per RECHECK_MS to detect that its files have been replaced.
 */
import { LRUCache } from 'lru-cache';
import { BackupReader } from '../../../src/backup/reader.ts';
import { Snapshots } from '../hidden/snapshots.ts';
import { RECHECK_MS } from '../validity.ts';
import { disk } from '../../../src/fs/disk/current.ts';

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
   * Marks the start of a request. No handle is replaced within a request. A compaction creates a
   * new index, and results of the old index, such as a record's place, are meaningless in the new
   * one.
   */
  begin(): void {
    this.#nowMs = Date.now();
  }

  /** The start of the request (unix time). */
  get nowMs(): number {
    return this.#nowMs;
  }

  /**
   * Returns the reader of a data file's backup. Opens the backup if necessary, and throws any error
   * from opening.
   */
  reader(path: string): BackupReader {
    const nowMs = this.#nowMs;
    const known = this.#handles.get(path);
    if (known !== undefined) {
      if (nowMs - known.checkedAtMs < RECHECK_MS && !known.reader.isDoubted) return known.reader;
      known.checkedAtMs = nowMs;
      // If the file is missing, the backup was moved. backups.db will be queried again. Until then,
      // the open files remain usable.
      if (known.reader.isCurrent() || !disk.exists(path)) return known.reader;
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
