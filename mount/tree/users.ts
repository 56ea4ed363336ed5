/**
 * The users of the catalogue that a mount shows, in a list with steady places: who comes gets the next one, and who goes leaves theirs
 * empty, so that a list that is being read neither skips nor repeats anybody. backups.db is read again only when it has changed.
 *
 * A user takes some 150 bytes here: the userid, and the path of the data file.
 */
import { statSync } from 'node:fs';
import type { Catalog, CatalogEntry } from '../../src/catalog/catalog.ts';
import { BackupError } from '../../src/errors.ts';
import { isValidUserid, sharedUserid } from '../../src/mailbox/names.ts';

/** A key of a backups.db that somebody has tampered with may be no userid. */
const isShowable = (userid: string): boolean => userid === sharedUserid || isValidUserid(userid);

export class Users {
  readonly #catalog: Catalog;
  readonly #databasePath: string;
  readonly #isShown: (userid: string) => boolean;
  readonly #userids: string[] = [];
  readonly #places = new Map<string, number>();
  /** By place; undefined: gone. */
  #paths: (string | undefined)[] = [];
  #count = 0;
  #listVersion = 0;
  /** Of backups.db as it was read last; undefined: not yet. */
  #state: string | undefined;

  constructor(catalog: Catalog, databasePath: string, isShown: (userid: string) => boolean) {
    this.#catalog = catalog;
    this.#databasePath = databasePath;
    this.#isShown = isShown;
  }

  /** How many there were when they were listed last; 0 before that. */
  get knownCount(): number {
    return this.#count;
  }

  /** Another when users have come or gone since refresh() was called last; not where only their files have moved. */
  get listVersion(): number {
    return this.#listVersion;
  }

  count(): number {
    this.refresh();
    return this.#count;
  }

  /** The path of the user's data file, or null where none of that name is shown. */
  find(userid: string): string | null {
    if (!this.#isShown(userid)) return null;
    if (this.#state !== undefined && this.#state === this.#stateOfFile()) {
      const place = this.#places.get(userid);
      return place === undefined ? null : (this.#paths[place] ?? null);
    }
    try {
      return this.#catalog.find(userid);
    } catch (error) {
      // A userid that cannot be one is a name that is not here.
      if (error instanceof BackupError && error.kind === 'no-user') return null;
      throw error;
    }
  }

  /** From a place on (0: the first), each with its own. */
  *from(first: number): Generator<CatalogEntry & { readonly place: number }> {
    for (let place = first; place < this.#userids.length; place += 1) {
      const [userid, path] = [this.#userids[place], this.#paths[place]];
      if (userid !== undefined && path !== undefined) yield { userid, path, place };
    }
  }

  /** Looks whether backups.db has changed. */
  refresh(): void {
    // What changes while it is read makes it another again.
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

  /** Each change makes the file larger, or is another file. */
  #stateOfFile(): string {
    const found = statSync(this.#databasePath, { throwIfNoEntry: false });
    return found === undefined ? 'gone' : `${found.ino} ${found.size} ${found.mtimeMs}`;
  }
}
