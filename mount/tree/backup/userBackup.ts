/**
 * Locates and opens a user's backup. The path comes from backups.db, which is queried again if the
 * last result may be outdated.
 */
import type { BackupReader } from '../../../src/backup/reader.ts';
import type { Catalog } from '../../../src/catalog/catalog.ts';
import { BackupError, messageOf } from '../../../src/errors.ts';
import type { Handles } from './handles.ts';
import type { Owner } from '../owner.ts';
import type { Snapshots } from '../hidden/snapshots.ts';
import { RECHECK_MS } from '../validity.ts';
import { disk } from '../../../src/fs/disk/current.ts';

/**
 * The number of attempts to open a backup. If a backup is moved repeatedly, several attempts may
 * fail.
 */
const MAX_TRIES = 5;

export class UserBackup {
  readonly userid: string;
  readonly owner: Owner;
  readonly #catalog: Catalog;
  readonly #handles: Handles;
  #path: string;
  /** The reason why the path must not be used; null if it may be used. */
  #fault: string | null;
  #askedAtMs = Date.now();

  /** `path` is the present path in backups.db. */
  constructor(userid: string, path: string, owner: Owner, catalog: Catalog, handles: Handles) {
    this.userid = userid;
    this.owner = owner;
    this.#path = path;
    this.#catalog = catalog;
    this.#fault = catalog.faultOf(userid, path);
    this.#handles = handles;
  }

  get snapshots(): Snapshots {
    return this.#handles.snapshots;
  }

  /** The data file's path at the last query of backups.db. */
  get lastPath(): string {
    return this.#path;
  }

  /**
   * Returns the data file's path. backups.db is queried only at intervals, because each query takes
   * its lock. Throws 'not-found' if the user no longer has a backup.
   */
  path(): string {
    return this.#handles.nowMs - this.#askedAtMs < RECHECK_MS ? this.#path : this.#ask();
  }

  /**
   * Returns the backup's reader. Throws 'not-found' like path(). Throws 'io' if the data file is
   * missing, because a missing partition must not look like a user without mail.
   */
  reader(): BackupReader {
    let path = this.path();
    if (this.#fault !== null) throw new BackupError('damaged', this.#fault, { subject: this.userid });
    for (let tries = 1; ; tries += 1) {
      try {
        return this.#handles.reader(path);
      } catch (error) {
        // The backup may have been moved after backups.db was queried.
        const known = path;
        path = this.#ask();
        const mayBeThere = path !== known || disk.exists(path);
        const isGone = error instanceof BackupError && error.kind === 'not-found';
        if (isGone && mayBeThere && tries < MAX_TRIES) continue;
        if (!isGone) throw error;
        const why = `the backup of ${this.userid} is not where backups.db has it: ${messageOf(error)}`;
        throw new BackupError('io', why, { subject: this.userid, cause: error });
      }
    }
  }

  #ask(): string {
    const path = this.#catalog.find(this.userid);
    if (path === null) {
      throw new BackupError('not-found', `${this.userid} has no backup`, { subject: this.userid });
    }
    this.#askedAtMs = Date.now();
    this.#fault = null;
    this.#path = path;
    return path;
  }
}
