/**
 * The backups that the tree has open: few, whatever the store's size, and always the current ones.
 *
 * A handle is looked at again at most every so often, for whether its files are still those under their names;
 * what it holds in memory of a backup, the folder structure, is made anew when the index has moved on.
 */
import { existsSync } from 'node:fs';
import { LRUCache } from 'lru-cache';
import { BackupReader } from '../../src/backup/reader.ts';
import { livingMailboxes } from '../../src/index/queries.ts';
import { buildStructure, noteListChanges } from './structure.ts';
import type { StructureFolder } from './structure.ts';
import { LOOK_AGAIN_MS } from './validity.ts';

const OPEN_BACKUPS = 64;

interface Handle {
  readonly reader: BackupReader;
  lookedAtMs: number;
  dataVersion: number;
  structure: StructureFolder | null;
}

export class Handles {
  readonly #deletedPrefix: string;
  readonly #handles = new LRUCache<string, Handle>({
    max: OPEN_BACKUPS,
    dispose: ({ reader }) => reader.close(),
  });

  constructor(deletedPrefix: string) {
    this.#deletedPrefix = deletedPrefix;
  }

  /** The backup in that data file, opened where it is not. Throws what opening it does. */
  reader(path: string): BackupReader {
    return this.#handle(path).reader;
  }

  /** Its folders as they are now. */
  structure(path: string): StructureFolder {
    const handle = this.#handle(path);
    const version = handle.reader.index.dataVersion();
    if (handle.structure === null || version !== handle.dataVersion) {
      const structure = buildStructure(livingMailboxes(handle.reader.index), this.#deletedPrefix);
      if (handle.structure !== null) noteListChanges(structure, handle.structure, Date.now());
      handle.structure = structure;
      handle.dataVersion = version;
    }
    return handle.structure;
  }

  close(): void {
    this.#handles.clear();
  }

  #handle(path: string): Handle {
    const nowMs = Date.now();
    const known = this.#handles.get(path);
    if (known !== undefined) {
      if (nowMs - known.lookedAtMs < LOOK_AGAIN_MS) return known;
      known.lookedAtMs = nowMs;
      // Gone is what was moved: backups.db will be asked again, and until then all of it is still open here.
      if (known.reader.isCurrent() || !existsSync(path)) return known;
      this.#handles.delete(path);
    }
    const handle = { reader: new BackupReader(path), lookedAtMs: nowMs, dataVersion: 0, structure: null };
    this.#handles.set(path, handle);
    return handle;
  }
}
