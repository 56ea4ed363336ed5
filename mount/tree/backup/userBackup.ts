/**
 * Locates and opens a user's backup. backups.db is queried again whenever its last answer may be
 * outdated.
 */
import { existsSync } from 'node:fs';
import type { BackupReader } from '../../../src/backup/reader.ts';
import type { Catalog } from '../../../src/catalog/catalog.ts';
import { BackupError, messageOf } from '../../../src/errors.ts';
import type { Handles } from './handles.ts';
import type { Owner } from '../owner.ts';
import type { Snapshots } from '../hidden/snapshots.ts';
import { RECHECK_MS } from '../validity.ts';

/** A backup that is moved repeatedly may be missed more than once. */
const MAX_TRIES = 5;

export class UserBackup {
  readonly userid: string;
  readonly owner: Owner;
  readonly #catalog: Catalog;
  readonly #handles: Handles;
  #path: string;
  /** Why the path must not be used; null if it may. */
  #fault: string | null;
  #askedAtMs = Date.now();

  /** `path` is what backups.db says now. */
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

  /** The data file's path, as last queried. */
  get lastPath(): string {
    return this.#path;
  }

  /**
   * Returns the data file's path. Queries backups.db at intervals only, because each query takes
   * its lock. Throws 'not-found' if the user has no backup any more.
   */
  path(): string {
    return this.#handles.nowMs - this.#askedAtMs < RECHECK_MS ? this.#path : this.#ask();
  }

  /**
   * Throws 'not-found' as path() does, and 'io' if the data file is missing: a missing partition
   * must not look like a user without mail.
   */
  reader(): BackupReader {
    let path = this.path();
    if (this.#fault !== null) throw new BackupError('damaged', this.#fault, { subject: this.userid });
    for (let tries = 1; ; tries += 1) {
      try {
        return this.#handles.reader(path);
      } catch (error) {
        // The backup may have been moved since backups.db was queried.
        const known = path;
        path = this.#ask();
        const mayBeThere = path !== known || existsSync(path);
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
