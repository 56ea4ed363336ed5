/**
 * A search index file, NAME.search beside a backup's data file. It answers which messages may
 * contain words; the caller decides by the messages' bytes.
 *
 * The file may be missing, torn, damaged, of another version or behind. None of these is a reason
 * to fail: `open` returns undefined, and a query that meets damage throws an IndexError of kind
 * 'damaged', after which the caller removes the file and scans instead.
 */
import { indexError, isDamagedIndex } from '../../index/store/indexErrors.ts';
import { requireOurSchema, requireRegular } from '../../index/store/openDatabase.ts';
import { hasIndexFile, removeIndexFiles } from '../../index/store/removeIndexFiles.ts';
import { SqliteDatabase } from '../../index/store/sqlite.ts';
import type { SqliteStatement } from '../../index/store/sqlite.ts';
import { makeEmpty } from '../../index/store/writeIndexFile.ts';
import { APPLICATION_ID, HEAD_COLUMNS, schemaSql, VERSION } from './schema.ts';

const BUSY_TIMEOUT_MS = 5000;
const READER_CACHE_KIB = 8 * 1024;
const WRITER_CACHE_KIB = 32 * 1024;

/** What is indexed of each message. */
export type Scope = 'all' | 'headers';

/** How far the index of the backup was read. */
export interface Progress {
  /** Identifies the backup's index file: see BackupReader.indexIdentity. */
  readonly identity: string;
  /** All messages of that index up to this id, whose bytes are held, are in the search index. */
  readonly lastMessage: number;
  /** How many messages those were. */
  readonly held: number;
  readonly scope: Scope;
}

/** The folded words of a message, separated by spaces. */
export interface DocumentWords {
  readonly guid: string;
  readonly head: Readonly<Record<HeadColumn, string>>;
  readonly body: string;
  readonly hasAttachment: boolean;
  readonly isCut: boolean;
}

export type HeadColumn = (typeof HEAD_COLUMNS)[number];

/** The name of a backup's search index. */
export function searchIndexPath(dataPath: string): string {
  return `${dataPath}.search`;
}

export class SearchIndex {
  readonly path: string;
  readonly #db: SqliteDatabase;
  readonly #statements = new Map<string, SqliteStatement>();

  private constructor(path: string, db: SqliteDatabase) {
    this.path = path;
    this.#db = db;
  }

  /** Opens a search index. Returns undefined if there is none that can be used. */
  static open(path: string, mode: 'read' | 'write'): SearchIndex | undefined {
    if (!hasIndexFile(path)) return undefined;
    let db: SqliteDatabase | undefined;
    try {
      requireRegular(path, mode === 'read' ? 'read' : 'read-write');
      db = new SqliteDatabase(path, { readonly: mode === 'read', timeout: BUSY_TIMEOUT_MS });
      const isOurs =
        db.pragma('application_id', { simple: true }) === APPLICATION_ID &&
        db.pragma('user_version', { simple: true }) === VERSION;
      if (isOurs) {
        requireOurSchema(db, path, schemaSql);
        return SearchIndex.#configured(path, db, mode);
      }
      db.close();
      return undefined;
    } catch (error) {
      db?.close();
      const fault = indexError(error, path);
      if (isDamagedIndex(fault)) return undefined;
      throw fault;
    }
  }

  static #configured(path: string, db: SqliteDatabase, mode: 'read' | 'write'): SearchIndex {
    // A cache: what a power cut takes is built again.
    if (mode === 'write') db.pragma('synchronous = OFF');
    db.pragma(`cache_size = -${mode === 'write' ? WRITER_CACHE_KIB : READER_CACHE_KIB}`);
    return new SearchIndex(path, db);
  }

  /** Creates an empty search index in place of any file of this name. */
  static create(path: string): SearchIndex {
    try {
      makeEmpty(path);
      const db = new SqliteDatabase(path, { timeout: BUSY_TIMEOUT_MS });
      db.pragma('journal_mode = WAL');
      db.transaction(() => db.exec(schemaSql))();
      return SearchIndex.#configured(path, db, 'write');
    } catch (error) {
      throw indexError(error, path);
    }
  }

  progress(): Progress | undefined {
    return this.#run('get', 'SELECT identity, last_message AS lastMessage, held, scope FROM progress') as
      Progress | undefined;
  }

  has(guid: string): boolean {
    return this.#run('get', 'SELECT 1 FROM doc WHERE guid = ?', guid) !== undefined;
  }

  /** Returns the GUIDs of the documents that match an FTS5 expression over the header fields. */
  matchHead(expression: string): string[] {
    return this.#guids(
      'SELECT guid FROM head JOIN doc ON doc.id = head.rowid WHERE head MATCH ?',
      expression,
    );
  }

  /** The same for the bodies' words. */
  matchBody(expression: string): string[] {
    return this.#guids(
      'SELECT guid FROM body JOIN doc ON doc.id = body.rowid WHERE body MATCH ?',
      expression,
    );
  }

  /** Yields the GUIDs of all documents. */
  *allGuids(): Generator<string> {
    for (let after = ''; ;) {
      const page = this.#guids('SELECT guid FROM doc WHERE guid > ? ORDER BY guid LIMIT 10000', after);
      yield* page;
      const last = page.at(-1);
      if (last === undefined) return;
      after = last;
    }
  }

  /** Adds documents and records the progress, in one transaction. */
  add(documents: readonly DocumentWords[], progress: Progress): void {
    this.#write(() => {
      for (const document of documents) this.#insert(document);
      this.#run('run', 'DELETE FROM progress');
      const { identity, lastMessage, held, scope } = progress;
      this.#run('run', 'INSERT INTO progress VALUES (?, ?, ?, ?)', identity, lastMessage, held, scope);
    });
  }

  /** Removes documents, such as those of messages that a compaction has dropped. */
  remove(guids: readonly string[]): void {
    this.#write(() => {
      for (const guid of guids) {
        const row = this.#run('get', 'SELECT id FROM doc WHERE guid = ?', guid) as { id: number } | undefined;
        if (row === undefined) continue;
        for (const table of ['head', 'body'])
          this.#run('run', `DELETE FROM ${table} WHERE rowid = ?`, row.id);
        this.#run('run', 'DELETE FROM doc WHERE id = ?', row.id);
      }
    });
  }

  /** Merges the full-text tables' segments, which makes queries faster and the file smaller. */
  optimize(): void {
    this.#write(() => {
      for (const table of ['head', 'body'])
        this.#run('run', `INSERT INTO ${table}(${table}) VALUES ('optimize')`);
    });
  }

  close(): void {
    this.#db.close();
  }

  /** Closes the index and removes its files; for one that was found damaged. */
  discard(): void {
    this.#db.close();
    removeIndexFiles(this.path);
  }

  #insert({ guid, head, body, hasAttachment, isCut }: DocumentWords): void {
    const flags = [hasAttachment, isCut].map(Number);
    const { lastInsertRowid } = this.#run(
      'run',
      'INSERT INTO doc VALUES (NULL, ?, ?, ?)',
      guid,
      ...flags,
    ) as {
      lastInsertRowid: number;
    };
    const places = HEAD_COLUMNS.map(() => '?').join(', ');
    const words = HEAD_COLUMNS.map((column) => head[column]);
    this.#run(
      'run',
      `INSERT INTO head(rowid, ${HEAD_COLUMNS.join(', ')}) VALUES (?, ${places})`,
      lastInsertRowid,
      ...words,
    );
    if (body !== '') this.#run('run', 'INSERT INTO body(rowid, words) VALUES (?, ?)', lastInsertRowid, body);
  }

  #guids(sql: string, value: string): string[] {
    return (this.#run('all', sql, value) as { guid: string }[]).map(({ guid }) => guid);
  }

  #write(work: () => void): void {
    try {
      this.#db.transaction(work).immediate();
    } catch (error) {
      throw indexError(error, this.path);
    }
  }

  #run(how: 'get' | 'all' | 'run', sql: string, ...values: (string | number)[]): unknown {
    try {
      let statement = this.#statements.get(sql);
      if (statement === undefined) this.#statements.set(sql, (statement = this.#db.prepare(sql)));
      return statement[how](...values);
    } catch (error) {
      throw indexError(error, this.path);
    }
  }
}

/** Removes a backup's search index, if there is one. */
export function discardSearchIndex(dataPath: string): void {
  removeIndexFiles(searchIndexPath(dataPath));
}
