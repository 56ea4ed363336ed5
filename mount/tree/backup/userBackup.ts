/** Where a user's backup is, and the backup, opened: backups.db is asked again whenever what it said may be old. */
import { existsSync } from 'node:fs';
import type { BackupReader } from '../../../src/backup/reader.ts';
import type { Catalog } from '../../../src/catalog/catalog.ts';
import { BackupError, messageOf } from '../../../src/errors.ts';
import type { Handles } from './handles.ts';
import type { Owner } from '../owner.ts';
import type { Snapshots } from '../hidden/snapshots.ts';
import { LOOK_AGAIN_MS } from '../validity.ts';

/** A backup that is moved to and fro may be missed more than once. */
const MAX_TRIES = 5;

export class UserBackup {
  readonly userid: string;
  readonly owner: Owner;
  readonly #catalog: Catalog;
  readonly #handles: Handles;
  #path: string;
  /** Why the path must not be followed; null where it may. */
  #fault: string | null;
  #askedAtMs = Date.now();

  /** `path` is what backups.db says at this moment. */
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

  /** Of the data file, as it was when it was asked for last. */
  get lastPath(): string {
    return this.#path;
  }

  /** Of the data file; each look into backups.db takes its lock. Throws 'not-found' where the user has no backup any more. */
  path(): string {
    return this.#handles.nowMs - this.#askedAtMs < LOOK_AGAIN_MS ? this.#path : this.#ask();
  }

  /**
   * Throws 'not-found' as path does, and 'io' where the data file is gone: a partition that is not there must not look
   * like a user without mail.
   */
  reader(): BackupReader {
    let path = this.path();
    if (this.#fault !== null) throw new BackupError('damaged', this.#fault, { subject: this.userid });
    for (let tries = 1; ; tries += 1) {
      try {
        return this.#handles.reader(path);
      } catch (error) {
        // It may have been moved since backups.db was asked.
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
