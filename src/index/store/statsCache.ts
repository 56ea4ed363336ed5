/**
 * The stats cache, figures.db beside backups.db. It keeps what `list` and `stat` found in each
 * index, for as long as the data file stays the same. Opening an index takes almost a millisecond;
 * a lookup in this cache takes a fraction of that. So `list` needs only seconds for a hundred
 * thousand backups.
 *
 * A row is valid only while the data file's inode, size and times stay the same. If the cache is
 * lost, damaged or not accessible, the indexes are read instead, so the results stay correct.
 */
import { dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { disk } from '../../fs/disk/current.ts';
import type { FileStats } from '../../fs/disk/disk.ts';
import { giveOwner } from '../../fs/keepOwner.ts';
import { statExisting } from '../../fs/names.ts';
import { createExclusively } from '../../fs/open.ts';
import { IndexError, indexError, isDamagedIndex } from './indexErrors.ts';
import { requireOurSchema, requireRegular } from './openDatabase.ts';
import { hasIndexFile, removeIndexFiles } from './removeIndexFiles.ts';
import { SCHEMA_VERSION } from './schema.ts';
import { SqliteDatabase } from './sqlite.ts';
import type { SqliteStatement } from './sqlite.ts';

export interface BackupStats {
  /** Start and end of the last chunk, in unix seconds. */
  readonly lastStart: number;
  readonly lastEnd: number;
  readonly uncompressedBytes: number;
  /** The number of living records whose messages are missing. */
  readonly missingCount: number;
  /** The bytes that are still needed; null if not computed yet. */
  readonly needed: Needed | null;
}

/**
 * The number of bytes that are still needed, and how long that number stays valid. It shrinks when
 * the retention of expunged messages ends.
 */
export interface Needed {
  readonly bytes: number;
  /** The value includes what was expunged after this time, in unix seconds. */
  readonly since: number;
  /** The earliest time at which a message included in the value was expunged; null if none was. */
  readonly firstExpunged: number | null;
}

/** The columns of a row, except the path. */
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

/** A sequence of prefetched rows, in the order of paths. */
interface Ahead {
  readonly rows: ReadonlyMap<string, Row>;
  /** The sequence contains all rows up to this path. */
  readonly last: string;
  /** The number of rows requested from SQLite, and of those used so far. */
  readonly count: number;
  taken: number;
}

/** A string that sorts after every path. */
const BEHIND_ALL = '\uffff';
const FIRST_AHEAD = 4;
const MOST_AHEAD = 512;
const FOLDERS_AHEAD = 32;

/**
 * The number of requests from which useless rows are counted. With fewer, counting costs more than
 * it saves.
 */
const PRUNE_FROM = 1000;
/** The largest number of changes that are held in memory before they are written. */
const MOST_CHANGED = 4096;
const BUSY_TIMEOUT_MS = 2000;

export class StatsCache {
  readonly #db: InstanceType<typeof SqliteDatabase>;
  readonly #pages: SqliteStatement;
  /** Prefetched rows, by folder. */
  readonly #ahead = new Map<string, Ahead>();
  readonly #put: SqliteStatement;
  readonly #changed = new Map<string, { identity: string; figures: BackupStats }>();
  readonly #path: string;
  #asked = 0;
  #isDamaged = false;

  private constructor(path: string, db: InstanceType<typeof SqliteDatabase>) {
    this.#path = path;
    this.#db = db;
    this.#pages = db.prepare('SELECT * FROM figures WHERE path >= ? ORDER BY path LIMIT ?').raw();
    this.#put = db.prepare('INSERT OR REPLACE INTO figures VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)');
  }

  /**
   * Opens the cache. If it is missing or damaged, creates a new one that belongs to the owner of
   * backups.db. Returns null if the cache can be neither opened nor created.
   */
  static open(backupsDb: string): StatsCache | null {
    const path = join(dirname(backupsDb), 'figures.db');
    try {
      return new StatsCache(path, opened(path));
    } catch (error) {
      if (!isDamagedIndex(indexError(error, path))) return null;
    }
    try {
      return new StatsCache(path, made(path, backupsDb));
    } catch {
      return null;
    }
  }

  find(path: string, identity: string): BackupStats | null {
    this.#asked += 1;
    const row = this.#row(path);
    if (row === undefined || row[0] !== sealed(identity, row.slice(1))) return null;
    const [, lastStart, lastEnd, uncompressedBytes, missingCount, bytes, since, firstExpunged] = row;
    const needed = bytes === null || since === null ? null : { bytes, since, firstExpunged };
    return { lastStart, lastEnd, uncompressedBytes, missingCount, needed };
  }

  put(path: string, identity: string, figures: BackupStats): void {
    this.#changed.set(path, { identity, figures });
    if (this.#changed.size >= MOST_CHANGED) this.#save();
  }

  /** Writes the new rows. If that fails, the next run computes them again. */
  close(): void {
    if (this.#changed.size > 0) this.#save(() => this.#prune());
    this.#db.close();
    if (!this.#isDamaged) return;
    try {
      removeIndexFiles(this.#path);
    } catch {
      // The folder is read-only, so the next run also works without the cache.
    }
  }

  /** Notes damage, so that close() removes the file and the next run creates it again. */
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
      // The disk is read-only or full, or another process that writes the same rows has locked the
      // cache.
      this.#note(error);
    }
    this.#changed.clear();
  }

  /**
   * Returns a path's row. Callers request backups in the order of userids. Within each folder, that
   * is also the order of paths. So the rows after the requested one are prefetched. The number of
   * prefetched rows grows as long as they are used.
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
    // SQLite returned fewer rows than requested, so no row follows in any folder.
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

  /**
   * Drops all rows if most of them are useless. The rows of moved and deleted backups are useless
   * but stay in the cache until then.
   */
  #prune(): void {
    const { rows } = this.#db.prepare('SELECT count(*) AS rows FROM figures').get() as { rows: number };
    if (rows > Math.max(PRUNE_FROM, 2 * this.#asked) && this.#asked > PRUNE_FROM)
      this.#db.exec('DELETE FROM figures');
  }

  #write(): void {
    for (const [path, { identity, figures }] of this.#changed) {
      const { lastStart, lastEnd, uncompressedBytes, missingCount, needed } = figures;
      const values = [needed?.bytes ?? null, needed?.since ?? null, needed?.firstExpunged ?? null];
      const columns = [lastStart, lastEnd, uncompressedBytes, missingCount, ...values];
      this.#put.run(path, sealed(identity, columns), ...columns);
    }
  }
}

/**
 * Returns a data file's identity with a checksum of the row. The checksum detects changed values,
 * which SQLite does not.
 */
function sealed(identity: string, columns: readonly unknown[]): string {
  return `${identity} ${crc32(columns.join())}`;
}

/**
 * Returns a value that changes whenever the content of a data file changes. The times in it are
 * accurate to a quarter of a microsecond.
 */
export function identityOf(data: FileStats): string {
  return `${data.ino} ${data.size} ${data.mtimeMs}`;
}

const SCHEMA = `CREATE TABLE figures (path TEXT PRIMARY KEY, identity TEXT NOT NULL, last_start INTEGER NOT NULL,
  last_end INTEGER NOT NULL, uncompressed INTEGER NOT NULL, missing INTEGER NOT NULL, needed INTEGER,
  since INTEGER, first_expunged INTEGER) WITHOUT ROWID;
  PRAGMA user_version = ${SCHEMA_VERSION};`;

/** Opens the cache. Throws an IndexError 'damaged' if it is not valid. */
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
    giveOwner(fd, statExisting(backupsDb));
  } finally {
    disk.close(fd);
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
