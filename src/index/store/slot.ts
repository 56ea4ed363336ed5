/**
 * A slot is a reusable file for copies of small indexes, which one SQLite handle reads one after
 * another. Reading the data of a small index is cheap. Most of the cost is in opening the database,
 * parsing the schema and preparing the same statements again. A slot does that only once.
 *
 * The handle is open on a file without a name, whose content is replaced while the handle has no
 * transaction. Before each transaction, SQLite checks two values in the header
 * (sqlite.org/fileformat.html, 1.3.4 and 1.3.9):
 *
 * - If the change counter has changed, it drops its page cache.
 * - If the schema cookie has changed, it drops its statements.
 *
 * SQLite uses these values to notice writes by other processes. The slot sets both values itself
 * when it replaces the content.
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { disk } from '../../fs/disk/current.ts';
import { writeAllSync } from '../../fs/io.ts';
import { removeFile, removeFolder } from '../../fs/names.ts';
import { createExclusively } from '../../fs/open.ts';
import { indexError, isDamagedIndex } from './indexErrors.ts';
import { requireOurSchema } from './openDatabase.ts';
import { markLog } from './settledBytes.ts';
import { SqliteDatabase } from './sqlite.ts';
import type { SqliteStatement } from './sqlite.ts';

/** Offsets in the database header. */
const CHANGE_COUNTER_AT = 24;
const PAGE_COUNT_AT = 28;
const SCHEMA_COOKIE_AT = 40;
const VALID_FOR_AT = 92;

/**
 * Ranges of the first page that do not depend on the content. They hold general settings such as
 * page size and text encoding, and the whole schema.
 */
const PAGE_BYTES = 4096;
const LAYOUT = [
  [16, 24],
  [44, 92],
  [100, PAGE_BYTES],
] as const;
const PAGE_SIZE_AT = 16;
const TREE_TYPE_AT = 100;
/** Type of a b-tree page: a leaf of a table, which has no child pages. */
const TABLE_LEAF = 13;

/** A file system in memory, on systems that have it. */
const MEMORY_FOLDER = '/dev/shm';
/** The largest number of unused slots that are kept for reuse. */
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
    this.#fd = createExclusively(path);
    try {
      this.#fill(bytes);
      this.db = new SqliteDatabase(path, { readonly: true });
      this.db.pragma('temp_store = MEMORY');
      requireOurSchema(this.db, of);
    } catch (error) {
      disk.close(this.#fd);
      throw error;
    } finally {
      removeFile(path);
    }
  }

  /**
   * Puts a copy of a database into a slot. `bytes` is the content and is changed; `of` is the path.
   * Returns null if the layout is not as expected, or if there is no space for the copy. Throws
   * 'damaged' if its schema is not the expected one.
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
      // The disk is full, or there is no writable folder.
      hasFailed = true;
      return null;
    }
  }

  /** Ends the use of the slot. If a query was not read to its end, the slot is discarded. */
  release(): void {
    try {
      // This throws if a query is still running.
      if (!this.db.inTransaction) this.#run('BEGIN');
      this.#run('ROLLBACK');
    } catch {
      // SQLite has its own descriptor, which is closed with the handle.
      disk.close(this.#fd);
      return;
    }
    if (free.length < MOST_FREE && this.statements.size < MOST_STATEMENTS) {
      free.push(this);
      return;
    }
    this.db.close();
    disk.close(this.#fd);
  }

  #run(sql: string): void {
    const statement = this.statements.get(sql) ?? this.db.prepare(sql);
    this.statements.set(sql, statement);
    statement.run();
  }

  /**
   * Replaces the content of the slot. Checks the schema only if the first page has changed its
   * layout.
   */
  #refill(bytes: Buffer, of: string): void {
    try {
      if (!this.#fill(bytes)) requireOurSchema(this.db, of);
    } catch (error) {
      this.db.close();
      disk.close(this.#fd);
      throw error;
    }
  }

  /**
   * Writes the bytes to the file. Returns whether the layout of the first page is the same as
   * before.
   */
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
    // Remains of a larger index may follow. SQLite ignores them, because they lie beyond the size
    // in the header.
    writeAllSync(this.#fd, bytes, 0);
    return isSame;
  }
}

/**
 * Reports whether the schema fits on the first page and the header gives the database's exact size.
 * The exact size matters because pages of another user's index may follow in the slot.
 */
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
 * Returns a private folder that exists as long as the process. It must be private, because SQLite
 * looks there for the journal of a killed writer. Throws if the folder cannot be created.
 */
function folder(): string {
  if (ownFolder !== null) return ownFolder;
  const parent = disk.exists(MEMORY_FOLDER) ? MEMORY_FOLDER : tmpdir();
  const made = disk.mkdtemp(join(parent, 'cyrus-backups-'));
  process.once('exit', () => removeFolder(made));
  ownFolder = made;
  return made;
}
