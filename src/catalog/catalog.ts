/**
 * The catalogue of all backups, backups.db: userid to the absolute path of the user's data file.
 *
 * It promises that a path it returns for a new user exists, that two processes creating the same user agree on one
 * path, and that neither a userid nor an entry leads out of the configured partitions. The lock on backups.db is held
 * only within one call.
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
import { Twoskip } from './twoskip.ts';

export interface CatalogOptions extends PartitionOptions {
  /** The path of backups.db. */
  databasePath: string;
  fullDirHash: boolean;
  /** Never creates, changes or repairs anything. */
  readOnly?: boolean;
  /** For who only reads, and for long: a partition that was configured since is not known here, but its backups count. */
  acceptsLaterPartitions?: boolean;
  /** For who writes, and for long: the partitions as they are configured now. Never throws. */
  partitionsNow?: () => readonly string[];
  /** Before a userid is changed, in the same transaction: what is said of one is said of the other, too. */
  beforeRename?: (from: string, to: string) => void;
  /** When a userid is changed: nothing is said of it any more. */
  afterRename?: (from: string) => void;
}

export interface CatalogEntry {
  /** One UTF-16 unit per byte, as on the wire. */
  userid: string;
  /** Absolute path of the data file. */
  path: string;
}

/** An entry as it is in backups.db, right or wrong. */
export interface ListedEntry extends CatalogEntry {
  /** Why nothing is to be done with the file; null where all is well. */
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

/** The userid as a file name: node takes names as text, so the userid's bytes must be some. */
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
  /** Whose INBOX a uniqueid is, as far as was seen. */
  readonly inboxes: Inboxes;
  readonly #database: Twoskip;
  readonly #options: CatalogOptions;
  readonly #selector: PartitionSelector;
  /** As configured, where the originals write them so, and as paths are made here. */
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

  /** Creates backups.db where it is missing, unless read-only (then BackupError 'not-found'). */
  static open(options: CatalogOptions): Catalog {
    const readOnly = options.readOnly ?? false;
    const { databasePath } = options;
    return withCure(
      databasePath,
      () => new Catalog(Twoskip.open(databasePath, { create: !readOnly, readOnly }), options),
    );
  }

  /**
   * The path of the user's data file, or null where the user has no backup. Throws 'damaged' where the entry leads out
   * of the partitions.
   */
  find(userid: string): string | null {
    const found = this.#cured(() => this.#database.get(keyFor(userid)));
    if (found === null) return null;
    const path = decodePath(found, userid);
    const fault = this.faultOf(userid, path);
    if (fault !== null) throw new BackupError('damaged', fault, { subject: userid });
    return path;
  }

  /** Why an entry must not be followed; null where all is well. Reads nothing but, where it must, the configuration. */
  faultOf(userid: string, path: string): string | null {
    if (!isUserid(userid))
      return `${this.#options.databasePath}: ${JSON.stringify(userid)} is no userid${CURE}`;
    // As it is for all but renamed users. Listing a hundred thousand is to take no longer for this check.
    if (this.#partitions.some((partition) => isOwnPlace(path, partition, userid))) return null;
    let fault = placeFault(path, this.#partitions);
    if (fault !== null && this.#options.acceptsLaterPartitions === true && couldBePlace(path)) return null;
    if (fault !== null && this.#askPartitions()) fault = placeFault(path, this.#partitions);
    return fault === null ? null : `${this.#options.databasePath}: ${path} ${fault}${CURE}`;
  }

  /**
   * The path of the user's data file; makes an empty one and enters it where there is none yet. A second process
   * that creates the same user meanwhile waits for the lock and gets the same path.
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
   * Makes an empty file in place of the user's missing one, if it was empty and its partition is there; else throws
   * 'io', naming what to do.
   */
  beginAgain(userid: string, path: string): void {
    const others = (): Iterable<CatalogEntry> => this.list();
    const hadInbox = this.inboxes.hasInboxOf(userid);
    beginAgain({ userid, path, partitions: this.#partitions, others, hadInbox });
  }

  /** Enters or changes a path (move, reconstruct, a renamed user). Throws 'usage' where it is outside the partitions. */
  set(userid: string, path: string): void {
    const key = keyFor(userid);
    const fault = this.faultOf(userid, path);
    if (fault !== null) throw new BackupError('usage', fault, { subject: userid });
    this.#cured(() => this.#database.put(key, path));
  }

  /**
   * The backup of `from` is that of `to` from now on; its files keep their names. Throws 'not-found' where there is
   * none, 'bad-parameters' where `to` has one already.
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
      // It is renamed. A rule or a hold of the former userid keeps nothing that is there, and is listed.
      if (!(error instanceof BackupError)) throw error;
    }
  }

  /** Whether the user was entered. The data file stays. */
  remove(userid: string): boolean {
    return this.#cured(() => this.#database.delete(Buffer.from(userid, 'latin1')));
  }

  /** All changes made by `work` are one transaction. `work` is synchronous. */
  transaction<T>(work: () => T): T {
    return this.#cured(() => this.#database.transaction(work));
  }

  /** In the order of the userids' bytes, streaming; wrong entries, too. */
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

  /** What is wrong with backups.db; empty where all is well. */
  checkConsistency(): string[] {
    return this.#database.checkConsistency();
  }

  close(): void {
    this.inboxes.close();
    this.#database.close();
  }

  /** Removes a data file of a creation that failed, unless backups.db has it all the same, or nobody can tell. */
  #removeUnnamed(userid: string, path: string): void {
    try {
      if (this.find(userid) === path) return;
      rmSync(path, { force: true });
      syncFolder(dirname(path));
    } catch {
      // What is left is an empty file, which reconstruct removes where no entry names it.
    }
  }

  /** Reports whether the partitions were looked up again: at most once a second, since any number of entries may be wrong. */
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

/** Says what to do where backups.db itself is damaged. */
function withCure<T>(databasePath: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const isOfDatabase = error instanceof BackupError && error.subject === databasePath;
    if (!isOfDatabase || error.kind !== 'damaged' || error.message.endsWith(CURE)) throw error;
    throw new BackupError('damaged', error.message + CURE, { cause: error, subject: databasePath });
  }
}
