/**
 * figures.db beside backups.db: what `list` and `stat` found in each index, for as long as the data file is the same. Opening an
 * index takes most of a millisecond, looking here a fraction of that, so a site of a hundred thousand backups is listed in seconds.
 *
 * It is a cache. A row counts only for the data file's present inode, size and time. Where the file is lost, damaged or not
 * accessible, indexes are read instead; nothing is ever wrong for it.
 */
import { closeSync, statSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { giveOwner } from '../fs/keepOwner.ts';
import { createExclusively } from '../fs/open.ts';
import { IndexError, indexError, isDamagedIndex } from './indexErrors.ts';
import { requireOurSchema, requireRegular } from './openDatabase.ts';
import { hasIndexFile, removeIndexFiles } from './removeIndexFiles.ts';
import { SCHEMA_VERSION } from './schema.ts';
import { SqliteDatabase } from './sqlite.ts';
import type { SqliteStatement } from './sqlite.ts';

export interface Figures {
  /** Of the last chunk, unix seconds. */
  readonly lastStart: number;
  readonly lastEnd: number;
  readonly uncompressedBytes: number;
  /** Living records whose messages are not here. */
  readonly missingCount: number;
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

/** The columns behind the path. */
type Row = [
  identity: string,
  lastStart: number,
  lastEnd: number,
  uncompressed: number,
  missing: number,
  needed: number | null,
  since: number | null,
  firstExpunged: number | null,
];

/** A run of rows in the order of paths. */
interface Ahead {
  readonly rows: ReadonlyMap<string, Row>;
  /** Of paths up to this it has all. */
  readonly last: string;
  /** How many were wanted, and how many were asked for. */
  readonly count: number;
  taken: number;
}

/** No path begins so. */
const BEHIND_ALL = '\uffff';
const FIRST_AHEAD = 4;
const MOST_AHEAD = 512;
const FOLDERS_AHEAD = 32;

/** Before this many a look at how many rows are of no use is not worth it. */
const PRUNE_FROM = 1000;
/** So many are held in memory before they are written. */
const MOST_CHANGED = 4096;
const BUSY_TIMEOUT_MS = 2000;

export class FiguresFile {
  readonly #db: InstanceType<typeof SqliteDatabase>;
  readonly #pages: SqliteStatement;
  /** By folder: rows that were read ahead. */
  readonly #ahead = new Map<string, Ahead>();
  readonly #put: SqliteStatement;
  readonly #changed = new Map<string, { identity: string; figures: Figures }>();
  readonly #path: string;
  #asked = 0;
  #isDamaged = false;

  private constructor(path: string, db: InstanceType<typeof SqliteDatabase>) {
    this.#path = path;
    this.#db = db;
    this.#pages = db.prepare('SELECT * FROM figures WHERE path >= ? ORDER BY path LIMIT ?').raw();
    this.#put = db.prepare('INSERT OR REPLACE INTO figures VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)');
  }

  /** null where there cannot be one. Made where it is missing or damaged, for the owner of backups.db. */
  static open(backupsDb: string): FiguresFile | null {
    const path = join(dirname(backupsDb), 'figures.db');
    try {
      return new FiguresFile(path, opened(path));
    } catch (error) {
      if (!isDamagedIndex(indexError(error, path))) return null;
    }
    try {
      return new FiguresFile(path, made(path, backupsDb));
    } catch {
      return null;
    }
  }

  find(path: string, identity: string): Figures | null {
    this.#asked += 1;
    const row = this.#row(path);
    if (row === undefined || row[0] !== sealed(identity, row.slice(1))) return null;
    const [, lastStart, lastEnd, uncompressedBytes, missingCount, bytes, since, firstExpunged] = row;
    const needed = bytes === null || since === null ? null : { bytes, since, firstExpunged };
    return { lastStart, lastEnd, uncompressedBytes, missingCount, needed };
  }

  put(path: string, identity: string, figures: Figures): void {
    this.#changed.set(path, { identity, figures });
    if (this.#changed.size >= MOST_CHANGED) this.#save();
  }

  /** Writes what is new; where that cannot be, the next one finds it out again. */
  close(): void {
    if (this.#changed.size > 0) this.#save(() => this.#prune());
    this.#db.close();
    if (!this.#isDamaged) return;
    try {
      removeIndexFiles(this.#path);
    } catch {
      // It is read-only: the next one does without it, too.
    }
  }

  /** The next one to open it makes it anew. */
  #note(error: unknown): void {
    this.#isDamaged ||= isDamagedIndex(indexError(error, this.#path));
  }

  #save(first: () => void = () => undefined): void {
    try {
      this.#db
        .transaction(() => {
          first();
          this.#write();
        })
        .immediate();
    } catch (error) {
      // Read-only, full, or another is writing the same.
      this.#note(error);
    }
    this.#changed.clear();
  }

  /**
   * Backups are asked for in the order of userids, which in each folder is that of paths: rows behind the one that is asked for are
   * read with it, more of them as long as they are asked for next.
   */
  #row(path: string): Row | undefined {
    const folder = path.slice(0, path.lastIndexOf('/'));
    const before = this.#ahead.get(folder);
    const known = before?.rows.get(path);
    if (before !== undefined && (known !== undefined || path < before.last)) {
      before.taken += known === undefined ? 0 : 1;
      return known;
    }
    const isWorthIt = before !== undefined && before.taken >= before.count / 2;
    const count = isWorthIt ? Math.min(MOST_AHEAD, 2 * before.count) : FIRST_AHEAD;
    const page = this.#page(path, count);
    const row = page.get(path);
    this.#ahead.delete(folder);
    // Fewer than were asked for: there are no others behind them, in any folder.
    const last = page.size < count ? BEHIND_ALL : ([...page.keys()].at(-1) ?? path);
    this.#ahead.set(folder, { rows: page, last, count, taken: 1 });
    const [oldest] = this.#ahead.keys();
    if (this.#ahead.size > FOLDERS_AHEAD && oldest !== undefined) this.#ahead.delete(oldest);
    return row;
  }

  #page(path: string, count: number): Map<string, Row> {
    try {
      const rows = this.#pages.all(path, count) as [path: string, ...row: Row][];
      return new Map(rows.map(([name, ...row]) => [name, row]));
    } catch (error) {
      this.#note(error);
      return new Map();
    }
  }

  /** Moved and deleted backups leave theirs behind. */
  #prune(): void {
    const { rows } = this.#db.prepare('SELECT count(*) AS rows FROM figures').get() as { rows: number };
    if (rows > Math.max(PRUNE_FROM, 2 * this.#asked) && this.#asked > PRUNE_FROM)
      this.#db.exec('DELETE FROM figures');
  }

  #write(): void {
    for (const [path, { identity, figures }] of this.#changed) {
      const { lastStart, lastEnd, uncompressedBytes, missingCount, needed } = figures;
      const values = [
        missingCount,
        needed?.bytes ?? null,
        needed?.since ?? null,
        needed?.firstExpunged ?? null,
      ];
      const columns = [lastStart, lastEnd, uncompressedBytes, ...values];
      this.#put.run(path, sealed(identity, columns), ...columns);
    }
  }
}

/** What a row counts for, with a checksum of it: SQLite does not notice a number that has become another. */
function sealed(identity: string, columns: readonly unknown[]): string {
  return `${identity} ${crc32(columns.join())}`;
}

/** Another for every other content that a data file has had: its time is good to a quarter of a microsecond. */
export function identityOf(data: Stats): string {
  return `${data.ino} ${data.size} ${data.mtimeMs}`;
}

const SCHEMA = `CREATE TABLE figures (path TEXT PRIMARY KEY, identity TEXT NOT NULL, last_start INTEGER NOT NULL,
  last_end INTEGER NOT NULL, uncompressed INTEGER NOT NULL, missing INTEGER NOT NULL, needed INTEGER, since INTEGER,
  first_expunged INTEGER) WITHOUT ROWID;
  PRAGMA user_version = ${SCHEMA_VERSION};`;

/** Throws an IndexError 'damaged' where there is none of ours. */
function opened(path: string): InstanceType<typeof SqliteDatabase> {
  if (!hasIndexFile(path)) throw new IndexError('damaged', path, 'it is missing');
  requireRegular(path, 'read-write');
  return configured(path, (db) => {
    if (db.pragma('user_version', { simple: true }) !== SCHEMA_VERSION)
      throw new IndexError('damaged', path, 'it is of another version');
    requireOurSchema(db, path, SCHEMA);
  });
}

function made(path: string, backupsDb: string): InstanceType<typeof SqliteDatabase> {
  removeIndexFiles(path);
  const fd = createExclusively(path);
  try {
    giveOwner(fd, statSync(backupsDb));
  } finally {
    closeSync(fd);
  }
  return configured(path, (db) => db.exec(SCHEMA));
}

function configured(
  path: string,
  prepare: (db: InstanceType<typeof SqliteDatabase>) => void,
): InstanceType<typeof SqliteDatabase> {
  const db = new SqliteDatabase(path, { timeout: BUSY_TIMEOUT_MS });
  try {
    db.pragma('synchronous = NORMAL');
    prepare(db);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}
