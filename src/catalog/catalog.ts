/**
 * The catalogue of all backups, backups.db. It maps each userid to the absolute path of the user's
 * data file.
 *
 * It promises:
 *
 * - The path that it returns for a new user exists.
 * - Two processes that create the same user agree on one path.
 * - Neither a userid nor an entry leads out of the configured partitions.
 *
 * The lock on backups.db is held only within one call.
 */
import { rmSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { BackupError } from '../errors.ts';
import { syncFolder } from '../fs/folders.ts';
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
  /** Before a userid changes, in its transaction: copies what is stored about `from` to `to`. */
  beforeRename?: (from: string, to: string) => void;
  /** Called after a userid has changed: removes what is stored about the former one. */
  afterRename?: (from: string) => void;
}

export interface CatalogEntry {
  /** One UTF-16 unit per byte, as on the wire. */
  userid: string;
  /** Absolute path of the data file. */
  path: string;
}

/** An entry exactly as backups.db has it, valid or not. */
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
 * Returns the userid as a file name. Node takes file names as text, so the userid's bytes must be
 * UTF-8.
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
  /** Knows which user's INBOX a uniqueid is, as far as it was seen. */
  readonly inboxes: Inboxes;
  readonly #database: Twoskip;
  readonly #options: CatalogOptions;
  readonly #selector: PartitionSelector;
  /**
   * Both as configured, which is how the original tools write them, and resolved, which is how new
   * paths are made here.
   */
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
   * if the entry leads out of the partitions.
   */
  find(userid: string): string | null {
    const found = this.#cured(() => this.#database.get(keyFor(userid)));
    if (found === null) return null;
    const path = decodePath(found, userid);
    const fault = this.faultOf(userid, path);
    if (fault !== null) throw new BackupError('damaged', fault, { subject: userid });
    return path;
  }

  /** Says why an entry must not be followed, or null. Reads at most the configuration. */
  faultOf(userid: string, path: string): string | null {
    if (!isUserid(userid))
      return `${this.#options.databasePath}: ${JSON.stringify(userid)} is no userid${CURE}`;
    // Fast path for all but renamed users: it must not slow down a list of 100,000 backups.
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
   * Creates an empty file in place of the user's missing one, if the missing one was empty and its
   * partition is there. Otherwise throws 'io' and says what to do.
   */
  beginAgain(userid: string, path: string): void {
    const others = (): Iterable<CatalogEntry> => this.list();
    const hadInbox = this.inboxes.hasInboxOf(userid);
    beginAgain({ userid, path, partitions: this.#partitions, others, hadInbox });
  }

  /**
   * Adds or changes an entry (for move, reconstruct or a renamed user). Throws 'usage' if the path
   * is outside the partitions.
   */
  set(userid: string, path: string): void {
    const key = keyFor(userid);
    const fault = this.faultOf(userid, path);
    if (fault !== null) throw new BackupError('usage', fault, { subject: userid });
    this.#cured(() => this.#database.put(key, path));
  }

  /**
   * Makes the backup of `from` the backup of `to`. Its files keep their names. Throws 'not-found'
   * if `from` has none, 'bad-parameters' if `to` already has one.
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
      // The rename itself has succeeded. A rule or hold left for the former userid affects no
      // backup, and is still listed.
      if (!(error instanceof BackupError)) throw error;
    }
  }

  /** Removes the user's entry; returns whether there was one. The data file stays. */
  remove(userid: string): boolean {
    return this.#cured(() => this.#database.delete(Buffer.from(userid, 'latin1')));
  }

  /** Makes all changes by `work` one transaction. `work` must be synchronous. */
  transaction<T>(work: () => T): T {
    return this.#cured(() => this.#database.transaction(work));
  }

  /** Streams entries in the byte order of userids, including invalid ones. */
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
      rmSync(path, { force: true });
      syncFolder(dirname(path));
    } catch {
      // The leftover is an empty file. reconstruct removes it if no entry names it.
    }
  }

  /**
   * Reads the configured partitions again, and reports whether it did. Does so at most once a
   * second, because any number of entries may be invalid.
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
