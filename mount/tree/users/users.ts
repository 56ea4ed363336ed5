/**
 * The users of the catalogue that a mount shows. Each user has a fixed place in a list. A new user
 * gets the next place, and the place of a removed user stays empty. A listing in progress therefore
 * neither skips nor repeats a user. backups.db is read again only if it has changed.
 *
 * Each user takes about 150 bytes of memory, for the userid and the path of the data file.
 */
import type { Catalog, CatalogEntry } from '../../../src/catalog/catalog.ts';
import { BackupError } from '../../../src/errors.ts';
import { disk } from '../../../src/fs/disk/current.ts';
import { isValidUserid, sharedUserid } from '../../../src/mailbox/names.ts';

/** Checks a userid. If backups.db was tampered with, a key may not be a valid userid. */
const isShowable = (userid: string): boolean => userid === sharedUserid || isValidUserid(userid);

export class Users {
  readonly #catalog: Catalog;
  readonly #databasePath: string;
  readonly #isShown: (userid: string) => boolean;
  readonly #userids: string[] = [];
  readonly #places = new Map<string, number>();
  /** The path of each user's data file, by place; undefined if the user was removed. */
  #paths: (string | undefined)[] = [];
  #count = 0;
  #listVersion = 0;
  /** The state of backups.db when it was last read; undefined before that. */
  #state: string | undefined;

  constructor(catalog: Catalog, databasePath: string, isShown: (userid: string) => boolean) {
    this.#catalog = catalog;
    this.#databasePath = databasePath;
    this.#isShown = isShown;
  }

  /** The number of users at the last listing; 0 before the first listing. */
  get knownCount(): number {
    return this.#count;
  }

  /**
   * A version that changes if the last refresh() found users that were added or removed. It does
   * not change if only their files have moved.
   */
  get listVersion(): number {
    return this.#listVersion;
  }

  count(): number {
    this.refresh();
    return this.#count;
  }

  /** Returns the path of the user's data file, or null if no such user is shown. */
  find(userid: string): string | null {
    if (!this.#isShown(userid)) return null;
    if (this.#state !== undefined && this.#state === this.#stateOfFile()) {
      const place = this.#places.get(userid);
      return place === undefined ? null : (this.#paths[place] ?? null);
    }
    try {
      return this.#catalog.find(userid);
    } catch (error) {
      // An invalid userid is not an error here: the name just does not exist.
      if (error instanceof BackupError && error.kind === 'no-user') return null;
      throw error;
    }
  }

  /** Yields the users and their places, starting at place `first`. */
  *from(first: number): Generator<CatalogEntry & { readonly place: number }> {
    for (let place = first; place < this.#userids.length; place += 1) {
      const [userid, path] = [this.#userids[place], this.#paths[place]];
      if (userid !== undefined && path !== undefined) yield { userid, path, place };
    }
  }

  /** Reads backups.db again if it has changed. */
  refresh(): void {
    // The state is taken before the file is read. If the file changes while it is read, the next
    // refresh reads it again.
    const state = this.#stateOfFile();
    if (state === this.#state) return;
    const paths = this.#userids.map((): string | undefined => undefined);
    this.#count = 0;
    for (const { userid, path } of this.#catalog.list()) {
      if (!isShowable(userid) || !this.#isShown(userid)) continue;
      let place = this.#places.get(userid);
      if (place === undefined) {
        place = this.#userids.push(userid) - 1;
        this.#places.set(userid, place);
      }
      paths[place] = path;
      this.#count += 1;
    }
    const isSame = paths.every((path, place) => (path === undefined) === (this.#paths[place] === undefined));
    if (!isSame || paths.length !== this.#paths.length) this.#listVersion += 1;
    this.#paths = paths;
    this.#state = state;
  }

  /**
   * Returns the state of backups.db. It changes with each commit, because a commit makes the file
   * larger or replaces it.
   */
  #stateOfFile(): string {
    const found = disk.stat(this.#databasePath);
    return found === undefined ? 'gone' : `${found.ino} ${found.size} ${found.mtimeMs}`;
  }
}
