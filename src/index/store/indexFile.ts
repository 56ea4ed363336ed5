/**
 * An index file: an SQLite database beside the data file, NAME.index. This class holds the handle
 * and its prepared statements. The fold (../fold) writes through this class, and the queries
 * (../queries) read through it.
 *
 * With write-ahead logging, any number of readers see a stable snapshot while the one writer
 * continues. synchronous=NORMAL does not wait for the disk at a commit. That is safe, because the
 * log has been synced: index changes lost in a power cut are folded again at the next open.
 */
import { asBackupError } from '../../errors.ts';
import { syncFile } from '../../fs/syncFile.ts';
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
/** Values of a statement: either all by position, or all by name (`:name`). */
export type SqlValues = SqlValue[] | [Readonly<Record<string, SqlValue>>];
export type Row = Record<string, SqlValue>;

export class IndexFile {
  readonly path: string;
  readonly #db: SqliteDatabase;
  readonly #statements: Map<string, SqliteStatement>;
  /** The slot that holds this copy, if it is one. */
  readonly #slot: Slot | null;
  #isOpen = true;
  #isWriter = false;
  #writes = 0;

  private constructor(path: string, db: SqliteDatabase, slot: Slot | null = null) {
    this.path = path;
    this.#db = db;
    this.#slot = slot;
    this.#statements = slot?.statements ?? new Map<string, SqliteStatement>();
  }

  /**
   * Opens an index of this project. Returns null if it is missing, belongs to the original tools,
   * has another version, or is damaged. A damaged index is reported to `damaged`. Throws an
   * IndexError for any other error of SQLite.
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
   * Opens an index for one short read. The process must not have the index open already. A small
   * index that nobody is writing is read into memory (slot.ts): faster, and without `-wal` and
   * `-shm` files.
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
      // A database in memory has no write-ahead log.
      markLog(bytes, false);
      const db = new SqliteDatabase(bytes, { readonly: true });
      requireOurSchema(db, path);
      return new IndexFile(path, db);
    } catch (error) {
      throw indexError(error, path);
    }
  }

  /**
   * Creates an empty index and replaces any file of this name. The caller fills the index and then
   * calls finish(). Until then, no other process uses the index, and nothing is synced to disk.
   * ':memory:' creates an index in memory only.
   */
  static create(path: string): IndexFile {
    try {
      // SQLite would create the file with a mode that depends on the umask.
      if (path !== ':memory:') makeEmpty(path);
      const db = new SqliteDatabase(path, { timeout: BUSY_TIMEOUT_MS });
      db.pragma('synchronous = OFF');
      db.pragma('journal_mode = MEMORY');
      db.transaction(() => db.exec(schemaSql))();
      db.pragma(`cache_size = -${CACHE_KIB}`);
      db.pragma('temp_store = MEMORY');
      // No data of one user may remain when the index is cleared and reused for another user.
      if (path === ':memory:') db.pragma('secure_delete = ON');
      return new IndexFile(path, db);
    } catch (error) {
      throw asBackupError(indexError(error, path), path);
    }
  }

  /** Runs a statement that changes data; returns the id of the last inserted row. */
  run(sql: string, ...values: SqlValues): number {
    this.#writes += 1;
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
   * Returns all rows. Write a page size into the statement (`LIMIT 200`) instead of binding it.
   * SQLite prepares a statement with a bound LIMIT again each time, which takes as long as reading
   * twenty rows.
   */
  all<T = Row>(sql: string, ...values: SqlValues): T[] {
    try {
      return this.#statement(sql).all(...values) as T[];
    } catch (error) {
      throw indexError(error, this.path);
    }
  }

  /** Returns all rows as arrays: a third faster. Use a statement only with this method or never. */
  allValues<T extends readonly SqlValue[]>(sql: string, ...values: SqlValues): T[] {
    try {
      const statement = this.#statement(sql).raw();
      return statement.all(...values) as T[];
    } catch (error) {
      throw indexError(error, this.path);
    }
  }

  /** Whether this is a copy in memory of an earlier content of the file. */
  get isCopy(): boolean {
    return this.#slot !== null || (this.#db.memory && !this.isScratch);
  }

  /** Whether the index was created in memory. */
  get isScratch(): boolean {
    return this.path === ':memory:';
  }

  /** The number of statements run so far. Each writes one to three pages to the write-ahead log. */
  get writes(): number {
    return this.#writes;
  }

  /** The number of prepared statements. */
  get statementCount(): number {
    return this.#statements.size;
  }

  /** Empties an index in memory but keeps its prepared statements: faster than a new index. */
  clear(): void {
    const tables = this.all<{ name: string }>("SELECT name FROM sqlite_schema WHERE type = 'table'");
    for (const { name } of tables) if (name !== 'horizon') this.run(`DELETE FROM ${name}`);
    this.run('UPDATE horizon SET time = 0');
  }

  /** Runs several statements without values. */
  exec(sql: string): void {
    this.#guarded(() => this.#db.exec(sql));
  }

  /** Iterates over rows. Other statements may run in between, even the same one again. */
  each<T = Row>(sql: string, ...values: SqlValues): IterableIterator<T> {
    try {
      const known = this.#statement(sql);
      const statement = known.busy ? this.#db.prepare(sql) : known;
      return new RowIterator<T>(statement.iterate(...values) as IterableIterator<T>, this.path);
    } catch (error) {
      throw indexError(error, this.path);
    }
  }

  /** Runs the work in a transaction. The work must be synchronous. */
  transaction<T>(work: () => T): T {
    return this.#guarded(() => this.#db.transaction(work).immediate());
  }

  /**
   * Begins a transaction, which commit() or rollback() ends. A writer folds first, because an
   * invalid line must not reach the log. Then it writes and syncs the log, and only then commits.
   * Readers see nothing before the commit.
   */
  begin(): void {
    this.run('BEGIN IMMEDIATE');
  }

  commit(): void {
    this.run('COMMIT');
  }

  /** Rolls back. SQLite may already have done so, for example on a full disk. */
  rollback(): void {
    if (this.#db.inTransaction) this.run('ROLLBACK');
  }

  /** Runs several queries on one snapshot. */
  snapshot<T>(work: () => T): T {
    return this.#guarded(() => this.#db.transaction(work).deferred());
  }

  /** Holds one snapshot for all queries until the returned function is called, across awaits. */
  holdSnapshot(): () => void {
    this.run('BEGIN');
    // The first query fixes the snapshot that the transaction sees.
    this.get('SELECT count(*) FROM sqlite_schema');
    return () => this.rollback();
  }

  /** Returns a number that changes whenever another connection has committed. */
  dataVersion(): number {
    return this.get<{ data_version: number }>('PRAGMA data_version')!.data_version;
  }

  /** Writes a complete copy of the committed content, and replaces any file of this name. */
  copyTo(path: string): void {
    this.#guarded(() => {
      makeEmpty(path);
      this.#db.prepare('VACUUM INTO ?').run(path);
      // VACUUM INTO does not set the write-ahead mode of the copy.
      const copy = new SqliteDatabase(path, { timeout: BUSY_TIMEOUT_MS });
      copy.pragma('journal_mode = WAL');
      copy.close();
      syncFile(path);
    });
  }

  /**
   * Writes an index that was created in memory to a file, and replaces any file of this name. The
   * result is like that of finish().
   */
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

  /** Closes an index that create() made, once it is on disk in write-ahead mode. */
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
    // After close(), the slot may hold another index.
    if (!this.#isOpen) throw new Error(`${this.path} is closed`);
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}
