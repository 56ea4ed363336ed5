/**
 * figures.db beside backups.db: what `list` and `stat` found in each index, for as long as the data file is the same. Opening an
 * index takes most of a millisecond, looking here a fraction of that, so a site of a hundred thousand backups is listed in seconds.
 *
 * It is a cache. A row counts only for the data file's present inode, size and time. Where the file is lost, damaged or not
 * accessible, indexes are read instead; nothing is ever wrong for it.
 */
import { chmodSync, chownSync, statSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { dirname, join } from 'node:path';
import { removeIndexFiles } from './indexFile.ts';
import { SCHEMA_VERSION } from './schema.ts';
import { SqliteDatabase } from './sqlite.ts';
import type { SqliteStatement } from './sqlite.ts';

export interface Figures {
  /** Of the last chunk, unix seconds. */
  readonly lastStart: number;
  readonly lastEnd: number;
  readonly uncompressedBytes: number;
  /** null: nobody asked yet. */
  readonly needed: Needed | null;
}

/** What is still needed, and how long that holds: it shrinks as expunged messages leave the retention. */
export interface Needed {
  readonly bytes: number;
  /** It was reckoned with what was expunged after this, unix seconds. */
  readonly since: number;
  /** When the first of the expunged was, of those that it was reckoned with; null: there is none. */
  readonly firstExpunged: number | null;
}

interface Row {
  readonly identity: string;
  readonly last_start: number;
  readonly last_end: number;
  readonly uncompressed: number;
  readonly needed: number | null;
  readonly since: number | null;
  readonly first_expunged: number | null;
}

/** Before this many a look at how many rows are of no use is not worth it. */
const PRUNE_FROM = 1000;
const BUSY_TIMEOUT_MS = 2000;

export class FiguresFile {
  readonly #db: InstanceType<typeof SqliteDatabase>;
  readonly #get: SqliteStatement;
  readonly #put: SqliteStatement;
  readonly #changed = new Map<string, { identity: string; figures: Figures }>();
  #asked = 0;

  private constructor(db: InstanceType<typeof SqliteDatabase>) {
    this.#db = db;
    this.#get = db.prepare('SELECT * FROM figures WHERE path = ?');
    this.#put = db.prepare('INSERT OR REPLACE INTO figures VALUES (?, ?, ?, ?, ?, ?, ?, ?)');
  }

  /** null where there cannot be one. Made where it is missing, for the owner of backups.db. */
  static open(backupsDb: string): FiguresFile | null {
    const path = join(dirname(backupsDb), 'figures.db');
    try {
      return new FiguresFile(opened(path, backupsDb));
    } catch (error) {
      if (!isGarbage(error)) return null;
    }
    try {
      removeIndexFiles(path);
      return new FiguresFile(opened(path, backupsDb));
    } catch {
      return null;
    }
  }

  find(path: string, identity: string): Figures | null {
    this.#asked += 1;
    const row = this.#row(path);
    if (row === undefined || row.identity !== identity) return null;
    const { needed: bytes, since, first_expunged: firstExpunged } = row;
    const needed = bytes === null || since === null ? null : { bytes, since, firstExpunged };
    return {
      lastStart: row.last_start,
      lastEnd: row.last_end,
      uncompressedBytes: row.uncompressed,
      needed,
    };
  }

  put(path: string, identity: string, figures: Figures): void {
    this.#changed.set(path, { identity, figures });
  }

  /** Writes what is new; where that cannot be, the next one finds it out again. */
  close(): void {
    try {
      if (this.#changed.size > 0) this.#db.transaction(() => this.#write()).immediate();
    } catch {
      // Read-only, full, or another is writing the same.
    } finally {
      this.#db.close();
    }
  }

  #row(path: string): Row | undefined {
    try {
      return this.#get.get(path) as Row | undefined;
    } catch {
      return undefined;
    }
  }

  #write(): void {
    const { rows } = this.#db.prepare('SELECT count(*) AS rows FROM figures').get() as { rows: number };
    // Moved and deleted backups leave theirs behind.
    if (rows > Math.max(PRUNE_FROM, 2 * this.#asked) && this.#asked > PRUNE_FROM)
      this.#db.exec('DELETE FROM figures');
    for (const [path, { identity, figures }] of this.#changed) {
      const { lastStart, lastEnd, uncompressedBytes, needed } = figures;
      const values = [needed?.bytes ?? null, needed?.since ?? null, needed?.firstExpunged ?? null];
      this.#put.run(path, identity, lastStart, lastEnd, uncompressedBytes, ...values);
    }
  }
}

/** Another for every other content that a data file has had. */
export function identityOf(data: BigIntStats): string {
  return `${data.ino} ${data.size} ${data.mtimeNs}`;
}

function opened(path: string, backupsDb: string): InstanceType<typeof SqliteDatabase> {
  const isNew = statSync(path, { throwIfNoEntry: false }) === undefined;
  const db = new SqliteDatabase(path, { timeout: BUSY_TIMEOUT_MS });
  try {
    if (isNew) {
      chmodSync(path, 0o600);
      const { uid, gid } = statSync(backupsDb);
      chownSync(path, uid, gid);
    }
    db.pragma('synchronous = NORMAL');
    if (db.pragma('user_version', { simple: true }) !== SCHEMA_VERSION) {
      db.exec(`DROP TABLE IF EXISTS figures;
        CREATE TABLE figures (path TEXT PRIMARY KEY, identity TEXT NOT NULL, last_start INTEGER NOT NULL,
          last_end INTEGER NOT NULL, uncompressed INTEGER NOT NULL, needed INTEGER, since INTEGER,
          first_expunged INTEGER) WITHOUT ROWID;
        PRAGMA user_version = ${SCHEMA_VERSION};`);
    }
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function isGarbage(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return code === 'SQLITE_NOTADB' || code === 'SQLITE_CORRUPT' || code === 'SQLITE_ERROR';
}
