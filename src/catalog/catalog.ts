/**
 * The catalogue of all backups, backups.db: userid to the absolute path of the user's data file.
 *
 * It promises that a path it returns for a new user exists, that two processes creating the same user agree on one
 * path, and that no userid can lead out of its partition. The lock on backups.db is held only within one call.
 */
import { rmSync } from 'node:fs';
import { BackupError } from '../errors.ts';
import { isValidUserid, sharedUserid } from '../mailbox/names.ts';
import { Inboxes } from './inboxes.ts';
import { PartitionSelector, createDataFile, hashLetter, type PartitionOptions } from './partitions.ts';
import { Twoskip } from './twoskip.ts';

export interface CatalogOptions extends PartitionOptions {
  /** The path of backups.db. */
  databasePath: string;
  fullDirHash: boolean;
  /** Never creates, changes or repairs anything. */
  readOnly?: boolean;
  /** Told of each userid that is changed, in the same transaction. */
  onRename?: (from: string, to: string) => void;
}

export interface CatalogEntry {
  /** One UTF-16 unit per byte, as on the wire. */
  userid: string;
  /** Absolute path of the data file. */
  path: string;
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

function keyFor(userid: string): Buffer {
  if (userid !== sharedUserid && !isValidUserid(userid)) {
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

  private constructor(database: Twoskip, options: CatalogOptions) {
    this.#database = database;
    this.#options = options;
    this.inboxes = new Inboxes(options.databasePath);
    this.#selector = new PartitionSelector(options);
  }

  /** Creates backups.db where it is missing, unless read-only (then BackupError 'not-found'). */
  static open(options: CatalogOptions): Catalog {
    const readOnly = options.readOnly ?? false;
    return new Catalog(Twoskip.open(options.databasePath, { create: !readOnly, readOnly }), options);
  }

  /** The path of the user's data file, or null where the user has no backup. */
  find(userid: string): string | null {
    const found = this.#database.get(keyFor(userid));
    return found === null ? null : decodePath(found, userid);
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
      return this.#database.transaction(() => {
        const known = this.#database.get(key);
        if (known !== null) return decodePath(known, userid);
        const letter = hashLetter(userid, this.#options.fullDirHash);
        created = createDataFile(this.#selector.select(), letter, name);
        this.#database.put(key, created);
        return created;
      });
    } catch (error) {
      if (created !== null) rmSync(created, { force: true });
      throw error;
    }
  }

  /** Enters or changes a path (move, reconstruct, a renamed user). */
  set(userid: string, path: string): void {
    if (!path.startsWith('/')) {
      throw new BackupError('usage', `not an absolute path: ${path}`, { subject: userid });
    }
    this.#database.put(keyFor(userid), path);
  }

  /**
   * The backup of `from` is that of `to` from now on; its files keep their names. Throws 'not-found' where there is
   * none, 'bad-parameters' where `to` has one already.
   */
  rename(from: string, to: string): void {
    const [oldKey, newKey] = [keyFor(from), keyFor(to)];
    this.#database.transaction(() => {
      const path = this.#database.get(oldKey);
      if (path === null) throw new BackupError('not-found', `${from} has no backup`, { subject: from });
      if (this.#database.get(newKey) !== null) {
        throw new BackupError('bad-parameters', `${to} has a backup already`, { subject: to });
      }
      this.#database.put(newKey, path);
      this.#database.delete(oldKey);
      this.#options.onRename?.(from, to);
    });
  }

  /** Whether the user was entered. The data file stays. */
  remove(userid: string): boolean {
    return this.#database.delete(keyFor(userid));
  }

  /** All changes made by `work` are one transaction. `work` is synchronous. */
  transaction<T>(work: () => T): T {
    return this.#database.transaction(work);
  }

  /** In the order of the userids' bytes, streaming. */
  *list(prefix = ''): Generator<CatalogEntry> {
    for (const [key, value] of this.#database.entries(Buffer.from(prefix, 'latin1'))) {
      const userid = key.toString('latin1');
      yield { userid, path: decodePath(value, userid) };
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
}
