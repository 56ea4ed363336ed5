/**
 * An index file: an SQLite database beside the data file, NAME.index. This class holds the handle and its prepared
 * statements; what is asked of it is in fold.ts (writing) and queries.ts (reading).
 *
 * Write-ahead logging lets any number of readers see a steady snapshot while the one writer goes on.
 * synchronous=NORMAL does not wait for the disk at a commit: the log has, and what a power cut takes from the index
 * is folded again from there at the next open.
 */
import { asBackupError } from '../errors.ts';
import { syncFile } from '../fs/syncFile.ts';
import { indexError } from './indexErrors.ts';
import type { IndexError } from './indexErrors.ts';
import { BUSY_TIMEOUT_MS, openIndexDatabase, requireOurSchema, unlessDamaged } from './openDatabase.ts';
import { CACHE_KIB, writerClosed } from './pageCache.ts';
import { RowIterator } from './rowIterator.ts';
import { isOurs, markLog, settledBytes } from './settledBytes.ts';
import { Slot } from './slot.ts';
import { SqliteDatabase } from './sqlite.ts';
import type { SqliteStatement } from './sqlite.ts';
import { schemaSql } from './schema.ts';
import { makeEmpty, writeIndexFile } from './writeIndexFile.ts';

export type SqlValue = string | number | bigint | null;
/** In their places, or all of them by name (`:name`). */
export type SqlValues = SqlValue[] | [Readonly<Record<string, SqlValue>>];
export type Row = Record<string, SqlValue>;

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

  /**
   * Opens an index of ours. Returns null where there is none, it is the originals', of another version or damaged; the
   * last is reported to `damaged`. Throws an IndexError for anything else that SQLite refused.
   */
  static open(path: string, mode: 'read' | 'write', damaged?: (fault: IndexError) => void): IndexFile | null {
    return unlessDamaged(() => {
      const db = openIndexDatabase(path, mode);
      if (db === null) return null;
      const index = new IndexFile(path, db);
      index.#isWriter = mode === 'write';
      return index;
    }, damaged);
  }

  /**
   * As open for reading, for one short look by a process that has it not open otherwise: where nobody writes, a small index is
   * read into memory (slot.ts), which is faster and leaves no `-wal` and `-shm` behind.
   */
  static peek(path: string): IndexFile | null {
    const index = unlessDamaged(() => IndexFile.#peekSettled(path));
    return index === 'unsettled' ? IndexFile.open(path, 'read') : index;
  }

  static #peekSettled(path: string): IndexFile | 'unsettled' | null {
    const bytes = settledBytes(path);
    if (bytes === null) return 'unsettled';
    if (!isOurs(bytes)) return null;
    try {
      const slot = Slot.take(bytes, path);
      if (slot !== null) return new IndexFile(path, slot.db, slot);
      // In memory there is no write-ahead log.
      markLog(bytes, false);
      const db = new SqliteDatabase(bytes, { readonly: true });
      requireOurSchema(db, path);
      return new IndexFile(path, db);
    } catch (error) {
      throw indexError(error, path);
    }
  }

  /**
   * Makes an empty index, in place of whatever has the name, to be filled and ended with finish(): until then it is nobody's,
   * and nothing of it need be on disk. ':memory:' makes one that never is.
   */
  static create(path: string): IndexFile {
    try {
      // SQLite would make it as the umask says.
      if (path !== ':memory:') makeEmpty(path);
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
      throw asBackupError(indexError(error, path), path);
    }
  }

  /** Runs a statement that changes something; answers the last inserted row's id. */
  run(sql: string, ...values: SqlValues): number {
    try {
      return Number(this.#statement(sql).run(...values).lastInsertRowid);
    } catch (error) {
      throw indexError(error, this.path);
    }
  }

  get<T = Row>(sql: string, ...values: SqlValues): T | undefined {
    try {
      return this.#statement(sql).get(...values) as T | undefined;
    } catch (error) {
      throw indexError(error, this.path);
    }
  }

  /**
   * Of how many rows a page is, the statement says itself (`LIMIT 200`): a bound LIMIT has SQLite prepare it anew each time, which takes as long as
   * twenty rows.
   */
  all<T = Row>(sql: string, ...values: SqlValues): T[] {
    try {
      return this.#statement(sql).all(...values) as T[];
    } catch (error) {
      throw indexError(error, this.path);
    }
  }

  /** As all, each row as its columns' values in order: for many rows, a third quicker. One statement is asked for one way only. */
  allValues<T extends readonly SqlValue[]>(sql: string, ...values: SqlValue[]): T[] {
    try {
      return this.#statement(sql)
        .raw()
        .all(...values) as T[];
    } catch (error) {
      throw indexError(error, this.path);
    }
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
    this.#guarded(() => this.#db.exec(sql));
  }

  /** Rows one at a time. Others may run meanwhile, also the same one again. */
  each<T = Row>(sql: string, ...values: SqlValues): IterableIterator<T> {
    try {
      const known = this.#statement(sql);
      const statement = known.busy ? this.#db.prepare(sql) : known;
      return new RowIterator<T>(statement.iterate(...values) as IterableIterator<T>, this.path);
    } catch (error) {
      throw indexError(error, this.path);
    }
  }

  /** All or nothing. The work is synchronous: what has to be awaited is done before. */
  transaction<T>(work: () => T): T {
    return this.#guarded(() => this.#db.transaction(work).immediate());
  }

  /**
   * Begins, commits, takes back: for a writer that folds first, because a line that makes no sense must not reach the
   * log, then writes and syncs the log, and only then commits. Readers see none of it before.
   */
  begin(): void {
    this.run('BEGIN IMMEDIATE');
  }

  commit(): void {
    this.run('COMMIT');
  }

  /** SQLite may have rolled back by itself, as it does where the disk is full. */
  rollback(): void {
    if (this.#db.inTransaction) this.run('ROLLBACK');
  }

  /** One snapshot for several queries, while a writer goes on. */
  snapshot<T>(work: () => T): T {
    return this.#guarded(() => this.#db.transaction(work).deferred());
  }

  /** One snapshot for all queries from here until the answered function is called, across awaits. */
  holdSnapshot(): () => void {
    this.run('BEGIN');
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
    this.#guarded(() => {
      makeEmpty(path);
      this.#db.prepare('VACUUM INTO ?').run(path);
      // The copy is no write-ahead one by itself.
      const copy = new SqliteDatabase(path, { timeout: BUSY_TIMEOUT_MS });
      copy.pragma('journal_mode = WAL');
      copy.close();
      syncFile(path);
    });
  }

  /** Writes one that was made in memory, as finish() leaves one that was made in a file, in place of whatever has the name. */
  async writeTo(path: string): Promise<void> {
    try {
      if ((this.get<{ freelist_count: number }>('PRAGMA freelist_count')?.freelist_count ?? 0) > 0)
        this.#db.exec('VACUUM');
      const bytes = this.#db.serialize();
      markLog(bytes, true);
      await writeIndexFile(path, bytes);
    } catch (error) {
      throw asBackupError(indexError(error, path), path);
    }
  }

  /** Closes an index that was created, when it is on disk as one that many may read beside a writer. */
  finish(): void {
    this.#guarded(() => {
      this.#db.pragma('journal_mode = WAL');
      this.#db.close();
      syncFile(this.path);
    });
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    if (this.#isWriter) writerClosed();
    if (this.#slot === null) this.#db.close();
    else this.#slot.release();
  }

  #guarded<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw asBackupError(indexError(error, this.path), this.path);
    }
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
