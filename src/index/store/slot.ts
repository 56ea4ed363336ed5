/**
 * A place for a copy of one small index after another, in which the same SQLite handle reads them all. Most of what an index of
 * some pages costs is not its reading but opening a database, parsing its schema and preparing statements, again and again the
 * same; here that is done once.
 *
 * The handle is one on a file without a name, whose content is replaced while the handle has no transaction. SQLite looks at the change
 * counter in the header before each transaction and gives up its page cache where that has moved on, and its statements
 * where the schema's cookie has (sqlite.org/fileformat.html, 1.3.4 and 1.3.9): what any other process that writes to a database makes it
 * do. Both are set here.
 */
import { closeSync, existsSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeAllSync } from '../../fs/io.ts';
import { indexError, isDamagedIndex } from './indexErrors.ts';
import { requireOurSchema } from './openDatabase.ts';
import { markLog } from './settledBytes.ts';
import { SqliteDatabase } from './sqlite.ts';
import type { SqliteStatement } from './sqlite.ts';

/** Of the header. */
const CHANGE_COUNTER_AT = 24;
const PAGE_COUNT_AT = 28;
const SCHEMA_COOKIE_AT = 40;
const VALID_FOR_AT = 92;

/** What of the first page says nothing about content: page size and the like, text encoding and the like, and all of the schema. */
const PAGE_BYTES = 4096;
const LAYOUT = [
  [16, 24],
  [44, 92],
  [100, PAGE_BYTES],
] as const;
const PAGE_SIZE_AT = 16;
const TREE_TYPE_AT = 100;
/** Of a b-tree's page: a table's, with no others below it. */
const TABLE_LEAF = 13;

/** A file system in memory, where there is one. */
const MEMORY_FOLDER = '/dev/shm';
/** So many wait to be used again. */
const MOST_FREE = 8;
const MOST_STATEMENTS = 500;

const free: Slot[] = [];
let hasFailed = false;

export class Slot {
  readonly db: InstanceType<typeof SqliteDatabase>;
  readonly statements: Map<string, SqliteStatement> = new Map();
  readonly #fd: number;
  readonly #firstPage = Buffer.alloc(PAGE_BYTES);
  #changes = 1;
  #cookie = 1;

  private constructor(bytes: Buffer, path: string, of: string) {
    this.#fd = openSync(path, 'wx+', 0o600);
    try {
      this.#fill(bytes);
      this.db = new SqliteDatabase(path, { readonly: true });
      this.db.pragma('temp_store = MEMORY');
      requireOurSchema(this.db, of);
    } catch (error) {
      closeSync(this.#fd);
      throw error;
    } finally {
      rmSync(path);
    }
  }

  /**
   * Takes a copy of the database at a path; its bytes are changed. null: it is not laid out as ours are, or there is no
   * place for it. Throws 'damaged' where its schema is not ours.
   */
  static take(bytes: Buffer, of: string): Slot | null {
    if (hasFailed || !isPlain(bytes)) return null;
    try {
      const slot = free.pop();
      if (slot === undefined) return new Slot(bytes, join(folder(), 'index'), of);
      slot.#refill(bytes, of);
      return slot;
    } catch (error) {
      const fault = indexError(error, of);
      if (isDamagedIndex(fault)) throw fault;
      // No room, or nowhere to write to.
      hasFailed = true;
      return null;
    }
  }

  /** Its user may use it no more. One in which a query was not read to its end is given up. */
  release(): void {
    try {
      // Throws where a query is at work.
      if (!this.db.inTransaction) this.#run('BEGIN');
      this.#run('ROLLBACK');
    } catch {
      // SQLite has a descriptor of its own, which goes with the handle.
      closeSync(this.#fd);
      return;
    }
    if (free.length < MOST_FREE && this.statements.size < MOST_STATEMENTS) {
      free.push(this);
      return;
    }
    this.db.close();
    closeSync(this.#fd);
  }

  #run(sql: string): void {
    const statement = this.statements.get(sql) ?? this.db.prepare(sql);
    this.statements.set(sql, statement);
    statement.run();
  }

  /** A first page that is the same holds the same schema. */
  #refill(bytes: Buffer, of: string): void {
    try {
      if (!this.#fill(bytes)) requireOurSchema(this.db, of);
    } catch (error) {
      this.db.close();
      closeSync(this.#fd);
      throw error;
    }
  }

  /** Returns whether the first page is laid out as the one before. */
  #fill(bytes: Buffer): boolean {
    const isSame = LAYOUT.every(
      ([start, end]) => bytes.compare(this.#firstPage, start, end, start, end) === 0,
    );
    if (!isSame) this.#cookie += 1;
    bytes.copy(this.#firstPage, 0, 0, PAGE_BYTES);
    this.#changes += 1;
    markLog(bytes, false);
    bytes.writeUInt32BE(this.#changes, CHANGE_COUNTER_AT);
    bytes.writeUInt32BE(this.#changes, VALID_FOR_AT);
    bytes.writeUInt32BE(this.#cookie, SCHEMA_COOKIE_AT);
    // What a larger one has left behind it is beyond the size in the header.
    writeAllSync(this.#fd, bytes, 0);
    return isSame;
  }
}

/** With a schema on its first page only, and a header that says how long it is: beyond that are pages of another user's. */
function isPlain(bytes: Buffer): boolean {
  return (
    bytes.readUInt16BE(PAGE_SIZE_AT) === PAGE_BYTES &&
    bytes[TREE_TYPE_AT] === TABLE_LEAF &&
    bytes.readUInt32BE(PAGE_COUNT_AT) * PAGE_BYTES === bytes.length &&
    bytes.readUInt32BE(CHANGE_COUNTER_AT) === bytes.readUInt32BE(VALID_FOR_AT)
  );
}

let ownFolder: string | null = null;

/**
 * Nobody else's, and there as long as the process: SQLite looks there for the journal of a writer that was killed. Throws where there
 * can be none.
 */
function folder(): string {
  if (ownFolder !== null) return ownFolder;
  const parent = existsSync(MEMORY_FOLDER) ? MEMORY_FOLDER : tmpdir();
  const made = mkdtempSync(join(parent, 'cyrus-backups-'));
  process.once('exit', () => rmSync(made, { recursive: true, force: true }));
  ownFolder = made;
  return made;
}
