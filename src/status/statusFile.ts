/**
 * The file of the status store: `status.db` beside backups.db, an SQLite database that backupd and
 * the commands write to and the mount reads.
 *
 * The file is a cache. Work on it never throws: a file that is missing, damaged or of an older
 * version is made anew, and where that is impossible the work is not done. A file of a newer
 * version stays as it is, because that program still uses it.
 */
import { disk } from '../fs/disk/current.ts';
import { dirname, join } from 'node:path';
import { messageOf } from '../errors.ts';
import { replaceFile } from '../fs/replaceFile.ts';
import { IndexError, indexError, isDamagedIndex } from '../index/store/indexErrors.ts';
import { requireOurSchema, requireRegular } from '../index/store/openDatabase.ts';
import { removeIndexFiles } from '../index/store/removeIndexFiles.ts';
import { SqliteDatabase } from '../index/store/sqlite.ts';
import type { SqliteStatement } from '../index/store/sqlite.ts';

const VERSION = 1;
const SCHEMA = `
  CREATE TABLE result (userid TEXT NOT NULL, kind TEXT NOT NULL, ok INTEGER NOT NULL, at REAL NOT NULL,
    since REAL NOT NULL, reason TEXT, figures TEXT, master TEXT, PRIMARY KEY (userid, kind, ok)) WITHOUT ROWID;
  CREATE TABLE master (host TEXT PRIMARY KEY, seen REAL NOT NULL, rolling REAL, lag REAL) WITHOUT ROWID;
  CREATE TABLE counter (name TEXT NOT NULL, label TEXT NOT NULL, value REAL NOT NULL,
    PRIMARY KEY (name, label)) WITHOUT ROWID;
  CREATE TABLE gauge (name TEXT NOT NULL, label TEXT NOT NULL, value REAL NOT NULL, at REAL NOT NULL,
    PRIMARY KEY (name, label)) WITHOUT ROWID;
  PRAGMA user_version = ${VERSION};`;

/** After a failure to open the file, the next attempt waits this long. */
const RETRY_MS = 10_000;

export type Database = InstanceType<typeof SqliteDatabase>;

/** Prepares a statement, once for each open file. */
export type Prepare = (sql: string) => SqliteStatement;

export interface StatusFileOptions {
  readonly access: 'read' | 'write';
  /** How long to wait for another writer. */
  readonly busyTimeoutMs: number;
  /** Called once for each reason why the store cannot be used. */
  readonly warn: (message: string) => void;
}

/** The path of the store that belongs to this backups.db. */
function statusPath(backupsDb: string): string {
  return join(dirname(backupsDb), 'status.db');
}

export class StatusFile {
  readonly path: string;
  readonly #options: StatusFileOptions;
  #db: Database | undefined;
  readonly #prepared = new Map<string, SqliteStatement>();
  #inode = 0;
  #retryAt = -Infinity;
  #warned: string | undefined;

  constructor(backupsDb: string, options: StatusFileOptions) {
    this.path = statusPath(backupsDb);
    this.#options = options;
  }

  /**
   * Runs work on the database and returns its result. Returns undefined if that is impossible: a
   * writer may try again later. Damage is repaired by making the file anew.
   */
  run<T>(work: (prepare: Prepare, db: Database) => T): T | undefined {
    if (performance.now() < this.#retryAt) return undefined;
    for (const isLast of [false, true]) {
      try {
        const db = this.#current() ?? this.#open();
        this.#db = db;
        const result = work((sql) => this.#prepare(db, sql), db);
        this.#warned = undefined;
        return result;
      } catch (error) {
        if (!this.#mayTryAgain(indexError(error, this.path)) || isLast) return undefined;
      }
    }
    return undefined;
  }

  close(): void {
    try {
      this.#db?.close();
    } catch {
      // The file was damaged, which the next program notices.
    }
    this.#db = undefined;
    this.#prepared.clear();
  }

  #prepare(db: Database, sql: string): SqliteStatement {
    let statement = this.#prepared.get(sql);
    if (statement === undefined) {
      statement = db.prepare(sql);
      this.#prepared.set(sql, statement);
    }
    return statement;
  }

  /** Returns the open database, unless another process has replaced or removed its file. */
  #current(): Database | undefined {
    if (this.#db === undefined || this.#inode === inodeOf(this.path)) return this.#db;
    this.close();
    return undefined;
  }

  #open(): Database {
    if (inodeOf(this.path) === undefined) this.#make();
    this.#inode = inodeOf(this.path) ?? 0;
    requireRegular(this.path, this.#options.access === 'read' ? 'read' : 'read-write');
    return this.#connect((db) => {
      const version = db.pragma('user_version', { simple: true });
      if (Number(version) > VERSION) throw new Error('it was written by a newer version of cyrus-backups');
      if (version !== VERSION) throw new IndexError('damaged', this.path, 'it is of another version');
      requireOurSchema(db, this.path, SCHEMA);
    });
  }

  /** Makes the file anew. A second process that does so at the same time makes the same file. */
  #make(): void {
    if (this.#options.access === 'read') throw new Absent();
    removeIndexFiles(this.path);
    const db = new SqliteDatabase(':memory:');
    db.exec(SCHEMA);
    replaceFile(this.path, db.serialize());
    db.close();
  }

  #connect(prepare: (db: Database) => void): Database {
    const { access, busyTimeoutMs } = this.#options;
    const db = new SqliteDatabase(this.path, { readonly: access === 'read', timeout: busyTimeoutMs });
    try {
      prepare(db);
      if (access === 'write') db.pragma('journal_mode = WAL');
      db.pragma('synchronous = NORMAL');
      return db;
    } catch (error) {
      db.close();
      throw error;
    }
  }

  /** Reports whether a second attempt may succeed: the file was damaged and is gone now. */
  #mayTryAgain(error: unknown): boolean {
    if (isDamagedIndex(error) && this.#options.access === 'write') return this.#discard(error);
    const isBusy = error instanceof IndexError && error.kind === 'locked';
    if (isBusy || error instanceof Absent) return false;
    this.close();
    this.#retryAt = performance.now() + RETRY_MS;
    this.#warn(messageOf(error));
    return false;
  }

  #discard(error: IndexError): boolean {
    this.close();
    this.#warn(`${messageOf(error.cause ?? error)}: it is made anew, what it held is lost`);
    try {
      // Another process may have replaced the file already.
      if (inodeOf(this.path) === this.#inode) removeIndexFiles(this.path);
      return true;
    } catch {
      this.#retryAt = performance.now() + RETRY_MS;
      return false;
    }
  }

  #warn(reason: string): void {
    if (this.#warned === reason) return;
    this.#warned = reason;
    this.#options.warn(`the status store is not used: ${this.path}: ${reason}`);
  }
}

/** There is no store yet, which is no fault. */
class Absent extends Error {}

function inodeOf(path: string): number | undefined {
  return disk.lstat(path)?.ino;
}
