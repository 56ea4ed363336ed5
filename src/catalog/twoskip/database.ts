/**
 * A twoskip database, the format in which Cyrus keeps backups.db. It is byte compatible with
 * cyrus-imapd lib/cyrusdb_twoskip.c, and safe to use while the original tools work on the same
 * file.
 *
 * - Every call is synchronous: it takes the lock, reads the header again, does its work and
 *   releases the lock. A transaction holds the lock while its function runs.
 * - A change is on disk when the call returns. It writes a dirty header, then the records and the
 *   commit, then a clean header, with a sync after each of the three.
 * - A file that another writer left dirty is repaired by its next user (recovery.ts).
 * - A file that consists mostly of dead bytes is rewritten in order (build.ts).
 * - A transaction that throws changes nothing: even if its last sync fails, it is rolled back.
 */
import { BackupError, messageOf } from '../../errors.ts';
import {
  FLAG_DIRTY,
  MAX_KEY_BYTES,
  MAX_VALUE_BYTES,
  TYPE_COMMIT,
  decodeHeader,
  nextOffset,
  type Header,
} from './format.ts';
import { TwoskipFile, type OpenOptions } from './file.ts';
import {
  appendRecord,
  deleteAt,
  keyOf,
  locate,
  readLive,
  requireOrder,
  storeAt,
  valueOf,
  writeHeader,
  type Tree,
} from './tree.ts';
import { checkTree } from './check.ts';
import { isClean, recover, rollBack } from './recovery.ts';
import { DUMMY_END, emptyDatabase, isUnfinished, rebuild, type KeyValue } from './build.ts';

/** Cyrus' MINREWRITE; its value is really 16834, not 16384. Smaller files are never rewritten. */
const MIN_REWRITE_SIZE = 16834;
const BATCH_RECORDS = 256;
const BATCH_BYTES = 4 << 20;
const NOTHING = Buffer.alloc(0);

const NO_HEADER: Header = { generation: 1, recordCount: 0, repackSize: 0, currentSize: 0, flags: 0 };

export class Twoskip {
  readonly #tree: Tree;
  #inTransaction = false;

  private constructor(tree: Tree) {
    this.#tree = tree;
  }

  /**
   * Throws BackupError 'not-found' if there is no file and `create` is not set, 'damaged' if it is
   * not a twoskip database. Do not open or close a database from within a transaction on it.
   */
  static open(path: string, options: OpenOptions = {}): Twoskip {
    const file = TwoskipFile.open(path, options);
    const database = new Twoskip({ file, header: NO_HEADER, end: 0 });
    try {
      database.#withLock('read', () => undefined);
    } catch (error) {
      file.close();
      throw error;
    }
    return database;
  }

  get(key: Buffer | string): Buffer | null {
    return this.#withLock('read', () => {
      const at = locate(this.#tree, keyBytes(key));
      return at.exact ? valueOf(this.#tree, at.record) : null;
    });
  }

  put(key: Buffer | string, value: Buffer | string): void {
    const keyed = keyBytes(key);
    const bytes = typeof value === 'string' ? Buffer.from(value) : value;
    if (bytes.length > MAX_VALUE_BYTES) throw new BackupError('usage', 'the twoskip value is too long');
    this.transaction(() => {
      const at = locate(this.#tree, keyed);
      if (at.exact && valueOf(this.#tree, at.record).equals(bytes)) return;
      storeAt(this.#tree, at, keyed, bytes);
    });
  }

  /** Removes a key; returns whether it was there. */
  delete(key: Buffer | string): boolean {
    const keyed = keyBytes(key);
    return this.transaction(() => {
      const at = locate(this.#tree, keyed);
      if (at.exact) deleteAt(this.#tree, at);
      return at.exact;
    });
  }

  /** Runs `work`, which must be synchronous, as one atomic transaction. */
  transaction<T>(work: () => T): T {
    if (this.#inTransaction) return work();
    if (this.#tree.file.readOnly) {
      throw new BackupError('usage', `${this.#tree.file.path} was opened for reading only`);
    }
    return this.#withLock('write', () => {
      this.#inTransaction = true;
      try {
        const result = work();
        this.#commit();
        return result;
      } catch (error) {
        this.#rollBack(error);
        throw error;
      } finally {
        this.#inTransaction = false;
      }
    });
  }

  /**
   * Streams entries in key order. The lock is held for at most 256 records at a time, and never
   * while the caller works. The entries may or may not include concurrent changes. An empty
   * `prefix` selects everything.
   */
  *entries(prefix: Buffer | string = ''): Generator<[Buffer, Buffer]> {
    const wanted = Buffer.from(prefix);
    let after: Buffer | null = null;
    for (;;) {
      const { batch, isLast } = this.#withLock('read', () => this.#batch(wanted, after));
      yield* batch;
      if (isLast) return;
      after = (batch.at(-1) as [Buffer, Buffer])[0];
    }
  }

  /** Returns the number of keys. */
  size(): number {
    return this.#withLock('read', () => this.#tree.header.recordCount);
  }

  /** Returns what is wrong with order, linkage or checksums; empty if nothing is. */
  checkConsistency(): string[] {
    return this.#withLock('read', () => checkTree(this.#tree));
  }

  /** Rewrites the file in key order, without its dead bytes. */
  repack(): void {
    this.#withLock('write', () => this.#repack());
  }

  close(): void {
    this.#tree.file.close();
  }

  #batch(prefix: Buffer, after: Buffer | null): { batch: KeyValue[]; isLast: boolean } {
    const tree = this.#tree;
    const at = locate(tree, after ?? prefix);
    const atStart = after === null && at.exact;
    let record = atStart ? at.record : readLive(tree, at.forward[0] ?? 0);
    const batch: KeyValue[] = [];
    let batchBytes = 0;
    let previousKey: Buffer = after ?? NOTHING;
    while (record !== null && batch.length < BATCH_RECORDS && batchBytes < BATCH_BYTES) {
      const key = keyOf(tree, record);
      requireOrder(tree, previousKey, key, record.offset);
      if (!key.subarray(0, prefix.length).equals(prefix)) return { batch, isLast: true };
      previousKey = key;
      batch.push([Buffer.from(key), valueOf(tree, record)]);
      batchBytes += record.length;
      record = readLive(tree, nextOffset(record, 0, tree.end));
    }
    return { batch, isLast: record === null };
  }

  #commit(): void {
    const tree = this.#tree;
    if ((tree.header.flags & FLAG_DIRTY) === 0) return;
    appendRecord(tree, { type: TYPE_COMMIT, level: 0, next: [tree.header.currentSize] });
    tree.file.sync();
    const before = tree.header;
    tree.header = { ...before, currentSize: tree.end, flags: 0 };
    try {
      writeHeader(tree);
      tree.file.sync();
    } catch (error) {
      tree.header = before;
      throw error;
    }
    const { currentSize, repackSize } = tree.header;
    if (currentSize > MIN_REWRITE_SIZE && currentSize > 2 * repackSize) this.#tryRepack();
  }

  /** If the rollback fails, too, the file's next user restores the last commit. */
  #rollBack(reason: unknown): void {
    try {
      rollBack(this.#tree);
    } catch (error) {
      const text = `${messageOf(reason)}; the change may hold or not, for it could not be undone: ${messageOf(error)}`;
      throw new BackupError('io', text, { cause: error, subject: this.#tree.file.path });
    }
  }

  /** If the rewrite after a commit fails (full disk), the next commit tries again. */
  #tryRepack(): void {
    try {
      this.#repack();
    } catch (error) {
      if (!(error instanceof BackupError)) throw error;
    }
  }

  #repack(): void {
    rebuild(this.#tree.file, this.#tree.header.generation + 1, () => this.#allRecords());
  }

  *#allRecords(): Generator<KeyValue> {
    const tree = this.#tree;
    const first = locate(tree, Buffer.alloc(0)).forward[0] ?? 0;
    let record = readLive(tree, first);
    let previousKey: Buffer = NOTHING;
    for (; record !== null; record = readLive(tree, nextOffset(record, 0, tree.end))) {
      const key = keyOf(tree, record);
      requireOrder(tree, previousKey, key, record.offset);
      previousKey = key;
      yield [key, valueOf(tree, record)];
    }
  }

  #withLock<T>(type: 'read' | 'write', work: () => T): T {
    if (this.#inTransaction) return work();
    this.#lock(type);
    try {
      return work();
    } finally {
      this.#tree.file.unlock();
    }
  }

  /** Returns with the lock of the wanted type held, on a database that is clean (or read-only). */
  #lock(type: 'read' | 'write'): void {
    const { file } = this.#tree;
    for (;;) {
      file.lock(type);
      try {
        if (file.readOnly) return this.#load();
        const usable = !this.#isUnfinished() && (this.#load(), isClean(this.#tree));
        if (usable) return;
        if (type === 'write') return this.#repair();
      } catch (error) {
        file.unlock();
        throw error;
      }
      file.unlock();
      file.lock('write');
      try {
        this.#repair();
      } finally {
        file.unlock();
      }
    }
  }

  #load(): void {
    const { file } = this.#tree;
    this.#tree.header = decodeHeader(file.headerBytes(), file.path);
    this.#tree.end = this.#tree.header.currentSize;
  }

  /** Reports whether there is no database yet: a new file, or creation cut off by a power cut. */
  #isUnfinished(): boolean {
    const { file } = this.#tree;
    return file.size <= DUMMY_END && isUnfinished(file.read(0, file.size));
  }

  /** Gives an empty file its header, and recovers an unclean one. Needs the write lock. */
  #repair(): void {
    const { file } = this.#tree;
    if (this.#isUnfinished()) {
      file.syncName();
      file.write(emptyDatabase(), 0);
      file.sync();
      file.unlock();
      file.lock('write');
    }
    this.#load();
    if (!isClean(this.#tree)) recover(this.#tree);
  }
}

function keyBytes(key: Buffer | string): Buffer {
  const bytes = typeof key === 'string' ? Buffer.from(key) : key;
  if (bytes.length === 0) throw new BackupError('usage', 'a twoskip key cannot be empty');
  if (bytes.length > MAX_KEY_BYTES) throw new BackupError('usage', 'the twoskip key is too long');
  return bytes;
}
