/**
 * Opens a database of this project: an index, or the stats cache. A database is opened only if it
 * and SQLite's files beside it are regular files. It is used only if its schema is exactly the
 * expected one. A trigger or a view that somebody added could make an index differ from the log.
 */
import { IndexError, indexError, isDamagedIndex } from './indexErrors.ts';
import { CACHE_KIB, cacheOfWriter } from './pageCache.ts';
import { hasIndexFile, irregularIndexFile } from './removeIndexFiles.ts';
import { APPLICATION_ID, SCHEMA_VERSION, schemaSql } from './schema.ts';
import { SqliteDatabase } from './sqlite.ts';

/** How long to wait for SQLite's own short locks (checkpoints, recovery of a WAL). */
export const BUSY_TIMEOUT_MS = 10_000;

/**
 * Opens an index. Returns null if there is none, if it belongs to the original tools, or if it has
 * another version. Throws an IndexError.
 */
export function openIndexDatabase(path: string, mode: 'read' | 'write'): SqliteDatabase | null {
  if (!hasIndexFile(path)) return null;
  requireRegular(path, mode === 'read' ? 'read' : 'read-write');
  let db: SqliteDatabase | undefined;
  try {
    db = new SqliteDatabase(path, { readonly: mode === 'read', timeout: BUSY_TIMEOUT_MS });
    const id = db.pragma('application_id', { simple: true });
    const version = db.pragma('user_version', { simple: true });
    if (id !== APPLICATION_ID || version !== SCHEMA_VERSION) {
      db.close();
      return null;
    }
    requireOurSchema(db, path);
    if (mode === 'write') {
      db.pragma('synchronous = NORMAL');
      db.pragma('temp_store = MEMORY');
    }
    db.pragma(`cache_size = -${mode === 'write' ? cacheOfWriter() : CACHE_KIB}`);
    return db;
  } catch (error) {
    db?.close();
    throw indexError(error, path);
  }
}

/**
 * Throws 'damaged' if the file, or one that SQLite would open with it, is a link, a FIFO, a folder
 * or the like.
 */
export function requireRegular(path: string, access: 'read' | 'read-write'): void {
  const fault = irregularIndexFile(path, access);
  if (fault !== null) throw new IndexError('damaged', path, fault);
}

/**
 * Selects a whole schema as one text. The text leaves out the root page numbers of tables, because
 * they differ between indexes.
 */
const SCHEMA_TEXT =
  'SELECT json_group_array(json_array(type, name, tbl_name, sql) ORDER BY name) AS text FROM sqlite_schema';

function schemaText(db: SqliteDatabase): string {
  return (db.prepare(SCHEMA_TEXT).get() as { text: string }).text;
}

/** Maps the statements that create a schema to the expected schema text. */
const expected = new Map<string, string>();

function expectedText(sql: string): string {
  let text = expected.get(sql);
  if (text === undefined) {
    const db = new SqliteDatabase(':memory:');
    db.exec(sql);
    text = schemaText(db);
    db.close();
    expected.set(sql, text);
  }
  return text;
}

/**
 * Throws 'damaged' if a database's tables, indexes, triggers or views are not exactly those of
 * these statements.
 */
export function requireOurSchema(db: SqliteDatabase, path: string, sql = schemaSql): void {
  if (schemaText(db) !== expectedText(sql)) {
    throw new IndexError('damaged', path, 'its tables, triggers or views are not those that we made');
  }
}

/** Runs `open`. If the index is damaged, reports that to `damaged` and returns null. */
export function unlessDamaged<T>(open: () => T, damaged?: (fault: IndexError) => void): T | null {
  try {
    return open();
  } catch (error) {
    if (!isDamagedIndex(error)) throw error;
    damaged?.(error);
    return null;
  }
}
