/**
 * The catalogue of all backups, backups.db. It maps each userid to the absolute path of the user's
 * data file.
 *
 * The catalogue guarantees:
 *
 * - The path that it returns for a new user exists.
 * - Two processes that create the same user agree on one path.
 * - No userid and no entry leads to a file outside the configured partitions.
 *
 * Each call takes and releases the lock on backups.db.
 */
import { dirname, resolve } from 'node:path';
import { BackupError } from '../errors.ts';
import { syncFolder } from '../fs/folders.ts';
import { removeFile } from '../fs/names.ts';
import { isValidUserid, sharedUserid } from '../mailbox/names.ts';
import { couldBePlace, isOwnPlace, placeFault } from './backupFiles.ts';
import { Inboxes } from './inboxes.ts';
import { beginAgain } from './missingFile.ts';
import { PartitionSelector, createDataFile, hashLetter, type PartitionOptions } from './partitions.ts';
import { Twoskip } from './twoskip/database.ts';

export interface CatalogOptions extends PartitionOptions {
  /** The path of backups.db. */
  databasePath: string;
  fullDirHash: boolean;
  /** Never creates, changes or repairs anything. */
  readOnly?: boolean;
  /** For long-lived readers: accepts entries in partitions that were configured later. */
  acceptsLaterPartitions?: boolean;
  /** For long-lived writers: returns the partitions as configured now. Must not throw. */
  partitionsNow?: () => readonly string[];
  /** Called in the transaction that changes a userid: copies what is stored about `from`. */
  beforeRename?: (from: string, to: string) => void;
  /** Called after a userid has changed: removes what is stored about the former one. */
  afterRename?: (from: string) => void;
}

export interface CatalogEntry {
  /** A byte string: one UTF-16 unit per byte, as in the protocol. */
  userid: string;
  /** Absolute path of the data file. */
  path: string;
}

/** An entry exactly as stored in backups.db; it may be invalid. */
export interface ListedEntry extends CatalogEntry {
  /** Why the file must not be touched; null if the entry is valid. */
  fault: string | null;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function decodePath(bytes: Buffer, userid: string): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new BackupError('damaged', `the path of ${userid} in backups.db is not UTF-8`, {
      cause,
      subject: userid,
    });
  }
}

/**
 * Returns the userid as a file name. Node expects file names as text, so the userid's bytes must be
 * valid UTF-8.
 */
function fileNameOf(userid: string): string {
  try {
    return utf8.decode(Buffer.from(userid, 'latin1'));
  } catch (cause) {
    throw new BackupError('no-user', 'a userid that is not UTF-8 cannot have a backup', {
      cause,
      subject: userid,
    });
  }
}

const isUserid = (key: string): boolean => key === sharedUserid || isValidUserid(key);

function keyFor(userid: string): Buffer {
  if (!isUserid(userid)) {
    throw new BackupError('no-user', `not a userid: ${JSON.stringify(userid)}`, { subject: userid });
  }
  return Buffer.from(userid, 'latin1');
}

export class Catalog {
  /** Maps the uniqueids of known INBOXes to their users. */
  readonly inboxes: Inboxes;
  readonly #database: Twoskip;
  readonly #options: CatalogOptions;
  readonly #selector: PartitionSelector;
  /** Each partition as configured (the original tools' form) and with links resolved (ours). */
  #partitions: readonly string[];
  #partitionsAskedMs = -Infinity;

  private constructor(database: Twoskip, options: CatalogOptions) {
    this.#database = database;
    this.#options = options;
    this.inboxes = new Inboxes(options.databasePath);
    this.#selector = new PartitionSelector(options);
    this.#partitions = [
      ...new Set([...options.partitions.values()].flatMap((path) => [path, resolve(path)])),
    ];
  }

  /**
   * Opens backups.db. Creates it if it is missing; throws BackupError 'not-found' instead if
   * read-only.
   */
  static open(options: CatalogOptions): Catalog {
    const readOnly = options.readOnly ?? false;
    const { databasePath } = options;
    return withCure(
      databasePath,
      () => new Catalog(Twoskip.open(databasePath, { create: !readOnly, readOnly }), options),
    );
  }

  /**
   * Returns the path of the user's data file, or null if the user has no backup. Throws 'damaged'
   * if the entry leads to a file outside the partitions.
   */
  find(userid: string): string | null {
    const found = this.#cured(() => this.#database.get(keyFor(userid)));
    if (found === null) return null;
    const path = decodePath(found, userid);
    const fault = this.faultOf(userid, path);
    if (fault !== null) throw new BackupError('damaged', fault, { subject: userid });
    return path;
  }

  /** Returns why an entry must not be used, or null. Reads at most the configuration. */
  faultOf(userid: string, path: string): string | null {
    if (!isUserid(userid))
      return `${this.#options.databasePath}: ${JSON.stringify(userid)} is no userid${CURE}`;
    // This fast path serves all users except renamed ones. It keeps a list of 100,000 backups fast.
    if (this.#partitions.some((partition) => isOwnPlace(path, partition, userid))) return null;
    let fault = placeFault(path, this.#partitions);
    if (fault !== null && this.#options.acceptsLaterPartitions === true && couldBePlace(path)) return null;
    if (fault !== null && this.#askPartitions()) fault = placeFault(path, this.#partitions);
    return fault === null ? null : `${this.#options.databasePath}: ${path} ${fault}${CURE}`;
  }

  /**
   * Returns the path of the user's data file. Creates an empty file and its entry if there is none.
   * A second process that creates the same user waits for the lock and gets the same path.
   */
  create(userid: string): string {
    const key = keyFor(userid);
    const name = fileNameOf(userid);
    let created: string | null = null;
    try {
      return this.#cured(() =>
        this.#database.transaction(() => {
          const known = this.find(userid);
          if (known !== null) return known;
          const letter = hashLetter(userid, this.#options.fullDirHash);
          created = createDataFile(this.#selector.select(), letter, name);
          this.#database.put(key, created);
          return created;
        }),
      );
    } catch (error) {
      if (created !== null) this.#removeUnnamed(userid, created);
      throw error;
    }
  }

  /**
   * Creates an empty file in place of the missing one, if that was empty and its partition is
   * there. Otherwise throws 'io' and says what to do.
   */
  beginAgain(userid: string, path: string): void {
    const others = (): Iterable<CatalogEntry> => this.list();
    const hadInbox = this.inboxes.hasInboxOf(userid);
    beginAgain({ userid, path, partitions: this.#partitions, others, hadInbox });
  }

  /**
   * Adds or changes an entry, for `move`, `reconstruct` or a renamed user. Throws 'usage' if the
   * path is outside the partitions.
   */
  set(userid: string, path: string): void {
    const key = keyFor(userid);
    const fault = this.faultOf(userid, path);
    if (fault !== null) throw new BackupError('usage', fault, { subject: userid });
    this.#cured(() => this.#database.put(key, path));
  }

  /**
   * Makes the backup of `from` the backup of `to`. Its files keep their names. Throws 'not-found'
   * if `from` has no backup, 'bad-parameters' if `to` already has one.
   */
  rename(from: string, to: string): void {
    const [oldKey, newKey] = [keyFor(from), keyFor(to)];
    this.#cured(() =>
      this.#database.transaction(() => {
        const path = this.#database.get(oldKey);
        if (path === null) throw new BackupError('not-found', `${from} has no backup`, { subject: from });
        if (this.#database.get(newKey) !== null) {
          throw new BackupError('bad-parameters', `${to} has a backup already`, { subject: to });
        }
        this.#options.beforeRename?.(from, to);
        this.#database.put(newKey, path);
        this.#database.delete(oldKey);
      }),
    );
    try {
      this.#options.afterRename?.(from);
    } catch (error) {
      // The rename itself has succeeded. A rule or hold that remains for the former userid affects
      // no backup, and stays visible in lists.
      if (!(error instanceof BackupError)) throw error;
    }
  }

  /** Removes the user's entry; returns whether there was one. The data file stays. */
  remove(userid: string): boolean {
    return this.#cured(() => this.#database.delete(Buffer.from(userid, 'latin1')));
  }

  /** Runs `work`, which must be synchronous, and makes all its changes in one transaction. */
  transaction<T>(work: () => T): T {
    return this.#cured(() => this.#database.transaction(work));
  }

  /** Yields all entries, including invalid ones, in the byte order of userids. */
  *list(prefix = ''): Generator<ListedEntry> {
    const entries = this.#database.entries(Buffer.from(prefix, 'latin1'));
    for (;;) {
      const next = this.#cured(() => entries.next());
      if (next.done === true) return;
      const userid = next.value[0].toString('latin1');
      const path = next.value[1].toString('utf8');
      yield { userid, path, fault: this.faultOf(userid, path) };
    }
  }

  /** Returns what is wrong with backups.db; empty if nothing is. */
  checkConsistency(): string[] {
    return this.#database.checkConsistency();
  }

  close(): void {
    this.inboxes.close();
    this.#database.close();
  }

  /**
   * Removes the data file of a failed creation, unless backups.db refers to it after all or cannot
   * be read.
   */
  #removeUnnamed(userid: string, path: string): void {
    try {
      if (this.find(userid) === path) return;
      removeFile(path);
      syncFolder(dirname(path));
    } catch {
      // An empty file remains. `reconstruct` removes it if no entry names it.
    }
  }

  /**
   * Reads the configured partitions again, but at most once a second, because many entries may be
   * invalid. Returns whether it read them.
   */
  #askPartitions(): boolean {
    const { partitionsNow } = this.#options;
    const nowMs = performance.now();
    if (partitionsNow === undefined || nowMs - this.#partitionsAskedMs < ASK_INTERVAL_MS) return false;
    this.#partitionsAskedMs = nowMs;
    this.#partitions = [...new Set([...this.#partitions, ...partitionsNow()])];
    return true;
  }

  #cured<T>(work: () => T): T {
    return withCure(this.#options.databasePath, work);
  }
}

const ASK_INTERVAL_MS = 1000;
const CURE = ': stop backupd and run ctl_backups reconstruct';

/** Adds advice to an error that says that backups.db itself is damaged. */
function withCure<T>(databasePath: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const isOfDatabase = error instanceof BackupError && error.subject === databasePath;
    if (!isOfDatabase || error.kind !== 'damaged' || error.message.endsWith(CURE)) throw error;
    throw new BackupError('damaged', error.message + CURE, { cause: error, subject: databasePath });
  }
}
