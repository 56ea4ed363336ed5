/**
 * An index file: an SQLite database beside the data file, NAME.index. This class holds the handle and its prepared
 * statements; what is asked of it is in fold.ts (writing) and queries.ts (reading).
 *
 * Write-ahead logging lets any number of readers see a steady snapshot while the one writer goes on.
 * synchronous=NORMAL does not wait for the disk at a commit: the log has, and what a power cut takes from the index
 * is folded again from there at the next open.
 */
import { closeSync, fsync, openSync } from 'node:fs';
import { promisify } from 'node:util';
import { asBackupError } from '../errors.ts';
import { writeAllSync } from '../fs/io.ts';
import { isSafeFile } from '../fs/open.ts';
import { syncFile } from '../fs/syncFile.ts';
import { CACHE_KIB, cacheOfWriter, writerClosed } from './pageCache.ts';
import { removeIndexFiles } from './removeIndexFiles.ts';
import { isOurs, markLog, settledBytes } from './settledBytes.ts';
import { Slot } from './slot.ts';
import { SqliteDatabase } from './sqlite.ts';
import type { SqliteStatement } from './sqlite.ts';
import { APPLICATION_ID, SCHEMA_VERSION, schemaSql } from './schema.ts';

export type SqlValue = string | number | bigint | null;
/** In their places, or all of them by name (`:name`). */
export type SqlValues = SqlValue[] | [Readonly<Record<string, SqlValue>>];
export type Row = Record<string, SqlValue>;

/** How long a reader or writer waits for SQLite's own short locks (checkpoints, recovery of a WAL). */
const BUSY_TIMEOUT_MS = 10_000;

const synced = promisify(fsync);

export class IndexFile {
  readonly path: string;
  readonly #db: SqliteDatabase;
  readonly #statements: Map<string, SqliteStatement>;
  /** It is a copy in it. */
  readonly #slot: Slot | null;
  #isOpen = true;
  #isWriter = false;

  private constructor(path: string, db: SqliteDatabase, slot: Slot | null = null) {
    this.path = path;
    this.#db = db;
    this.#slot = slot;
    this.#statements = slot?.statements ?? new Map<string, SqliteStatement>();
  }

  /** Opens an index of ours, or answers null where there is none, it is the originals', or of another version. */
  static open(path: string, mode: 'read' | 'write'): IndexFile | null {
    // SQLite follows links.
    if (path !== ':memory:' && !isSafeFile(path, mode === 'read' ? 'read' : 'read-write')) return null;
    let db: SqliteDatabase | undefined;
    try {
      db = new SqliteDatabase(path, { readonly: mode === 'read', timeout: BUSY_TIMEOUT_MS });
      const id = db.pragma('application_id', { simple: true });
      const version = db.pragma('user_version', { simple: true });
      if (id !== APPLICATION_ID || version !== SCHEMA_VERSION) {
        db.close();
        return null;
      }
      return IndexFile.#configured(path, db, mode);
    } catch (error) {
      db?.close();
      if (isNotADatabase(error)) return null;
      throw asBackupError(error, path);
    }
  }

  /**
   * As open for reading, for one short look by a process that has it not open otherwise: where nobody writes, a small index is
   * read into memory (slot.ts), which is faster and leaves no `-wal` and `-shm` behind.
   */
  static peek(path: string): IndexFile | null {
    const bytes = settledBytes(path);
    if (bytes === null) return IndexFile.open(path, 'read');
    if (!isOurs(bytes)) return null;
    const slot = Slot.take(bytes);
    if (slot !== null) return new IndexFile(path, slot.db, slot);
    // In memory there is no write-ahead log.
    markLog(bytes, false);
    return new IndexFile(path, new SqliteDatabase(bytes, { readonly: true }));
  }

  /**
   * Makes an empty index, in place of whatever has the name, to be filled and ended with finish(): until then it is nobody's,
   * and nothing of it need be on disk. ':memory:' makes one that never is.
   */
  static create(path: string): IndexFile {
    try {
      if (path !== ':memory:') {
        removeIndexFiles(path);
        // SQLite would make it as the umask says, and gives its companions the mode that it has.
        closeSync(openSync(path, 'wx', 0o600));
      }
      const db = new SqliteDatabase(path, { timeout: BUSY_TIMEOUT_MS });
      db.pragma('synchronous = OFF');
      db.pragma('journal_mode = MEMORY');
      db.transaction(() => db.exec(schemaSql))();
      db.pragma(`cache_size = -${CACHE_KIB}`);
      db.pragma('temp_store = MEMORY');
      // Nothing of one user may be left in it when it is cleared for another.
      if (path === ':memory:') db.pragma('secure_delete = ON');
      return new IndexFile(path, db);
    } catch (error) {
      throw asBackupError(error, path);
    }
  }

  static #configured(path: string, db: SqliteDatabase, mode: 'read' | 'write'): IndexFile {
    const isWriter = mode === 'write';
    db.pragma(`cache_size = -${isWriter ? cacheOfWriter() : CACHE_KIB}`);
    if (isWriter) db.pragma('synchronous = NORMAL');
    if (isWriter) db.pragma('temp_store = MEMORY');
    const index = new IndexFile(path, db);
    index.#isWriter = isWriter;
    return index;
  }

  /** Runs a statement that changes something; answers the last inserted row's id. */
  run(sql: string, ...values: SqlValues): number {
    return Number(this.#statement(sql).run(...values).lastInsertRowid);
  }

  get<T = Row>(sql: string, ...values: SqlValues): T | undefined {
    return this.#statement(sql).get(...values) as T | undefined;
  }

  /**
   * Of how many rows a page is, the statement says itself (`LIMIT 200`): a bound LIMIT has SQLite prepare it anew each time, which takes as long as
   * twenty rows.
   */
  all<T = Row>(sql: string, ...values: SqlValues): T[] {
    return this.#statement(sql).all(...values) as T[];
  }

  /** As all, each row as its columns' values in order: for many rows, a third quicker. One statement is asked for one way only. */
  allValues<T extends readonly SqlValue[]>(sql: string, ...values: SqlValue[]): T[] {
    return this.#statement(sql)
      .raw()
      .all(...values) as T[];
  }

  /** Whether it is a copy in memory of what the file was. */
  get isCopy(): boolean {
    return this.#slot !== null || (this.#db.memory && !this.isScratch);
  }

  /** Whether it was made in memory. */
  get isScratch(): boolean {
    return this.path === ':memory:';
  }

  /** How many are kept prepared. */
  get statementCount(): number {
    return this.#statements.size;
  }

  /** Empties one that is in memory, with its statements kept: quicker than another one. */
  clear(): void {
    const tables = this.all<{ name: string }>("SELECT name FROM sqlite_schema WHERE type = 'table'");
    for (const { name } of tables) if (name !== 'horizon') this.run(`DELETE FROM ${name}`);
    this.run('UPDATE horizon SET time = 0');
  }

  /** Several statements without values. */
  exec(sql: string): void {
    this.#db.exec(sql);
  }

  /** Rows one at a time. Others may run meanwhile, also the same one again. */
  each<T = Row>(sql: string, ...values: SqlValues): IterableIterator<T> {
    const known = this.#statement(sql);
    const statement = known.busy ? this.#db.prepare(sql) : known;
    return statement.iterate(...values) as IterableIterator<T>;
  }

  /** All or nothing. The work is synchronous: what has to be awaited is done before. */
  transaction<T>(work: () => T): T {
    try {
      return this.#db.transaction(work).immediate();
    } catch (error) {
      throw asBackupError(error, this.path);
    }
  }

  /**
   * Begins, commits, takes back: for a writer that folds first, because a line that makes no sense must not reach the
   * log, then writes and syncs the log, and only then commits. Readers see none of it before.
   */
  begin(): void {
    this.#statement('BEGIN IMMEDIATE').run();
  }

  commit(): void {
    this.#statement('COMMIT').run();
  }

  rollback(): void {
    if (this.#db.inTransaction) this.#statement('ROLLBACK').run();
  }

  /** One snapshot for several queries, while a writer goes on. */
  snapshot<T>(work: () => T): T {
    return this.#db.transaction(work).deferred();
  }

  /** One snapshot for all queries from here until the answered function is called, across awaits. */
  holdSnapshot(): () => void {
    this.#statement('BEGIN').run();
    // A transaction sees what was committed when its first query ran.
    this.get('SELECT count(*) FROM sqlite_schema');
    return () => this.rollback();
  }

  /** Moves on whenever another connection has committed: what a reader's caches hang on. */
  dataVersion(): number {
    return (this.get<{ data_version: number }>('PRAGMA data_version') as { data_version: number })
      .data_version;
  }

  /** Writes a copy that is an index by itself, of what is committed, in place of whatever has the name. */
  copyTo(path: string): void {
    try {
      removeIndexFiles(path);
      closeSync(openSync(path, 'wx', 0o600));
      this.#db.prepare('VACUUM INTO ?').run(path);
      // The copy is no write-ahead one by itself.
      const copy = new SqliteDatabase(path, { timeout: BUSY_TIMEOUT_MS });
      copy.pragma('journal_mode = WAL');
      copy.close();
      syncFile(path);
    } catch (error) {
      throw asBackupError(error, path);
    }
  }

  /** Writes one that was made in memory, as finish() leaves one that was made in a file, in place of whatever has the name. */
  async writeTo(path: string): Promise<void> {
    try {
      if ((this.get<{ freelist_count: number }>('PRAGMA freelist_count')?.freelist_count ?? 0) > 0)
        this.#db.exec('VACUUM');
      const bytes = this.#db.serialize();
      markLog(bytes, true);
      removeIndexFiles(path);
      const fd = openSync(path, 'wx', 0o600);
      try {
        writeAllSync(fd, bytes, 0);
        await synced(fd);
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      throw asBackupError(error, path);
    }
  }

  /** Closes an index that was created, when it is on disk as one that many may read beside a writer. */
  finish(): void {
    try {
      this.#db.pragma('journal_mode = WAL');
      this.#db.close();
      syncFile(this.path);
    } catch (error) {
      throw asBackupError(error, this.path);
    }
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    if (this.#isWriter) writerClosed();
    if (this.#slot === null) this.#db.close();
    else this.#slot.release();
  }

  #statement(sql: string): SqliteStatement {
    // A slot may hold another index by now.
    if (!this.#isOpen) throw new Error(`${this.path} is closed`);
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

function isNotADatabase(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return code === 'SQLITE_NOTADB' || code === 'SQLITE_CORRUPT';
}
