/**
 * Watches the store and invalidates what has changed there. The mount therefore shows changes at
 * once, although the kernel may cache its answers for minutes.
 *
 * The watcher runs in another thread than the tree. The kernel can invalidate a name only while no
 * look-up in the same folder is pending. The thread that requests the invalidation must therefore
 * not be the thread that answers look-ups.
 *
 * Each commit writes to the index's write-ahead log. The watcher then checks the user
 * (userChanges.ts) soon, but not at every commit. It runs at most about twenty checks a second and
 * uses at most a quarter of this thread's time. It checks only folders that the kernel knows; other
 * users cost nothing.
 *
 * The write-ahead log is written shortly before the commit becomes visible, and the tree may use
 * replaced files for RECHECK_MS. A check is therefore repeated at growing intervals until some time
 * after the last change.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Catalog } from '../../src/catalog/catalog.ts';
import type { CatalogOptions } from '../../src/catalog/catalog.ts';
import { messageOf } from '../../src/errors.ts';
import type { Invalidator, KnownFolder, Watcher } from '../vfs/tree.ts';
import { nameOfUserid } from '../tree/useridName.ts';
import { UserChanges, settledMs } from './userChanges.ts';
import type { WatchedFolder, WatchedUser } from './userChanges.ts';
import { Watches } from './watches.ts';
import { disk } from '../../src/fs/disk/current.ts';

/**
 * The delay between a change and the first check. The check then also covers changes that follow
 * immediately.
 */
const FIRST_DELAY_MS = 10;
const LAST_DELAY_MS = 3000;
const DELAY_GROWTH = 4;
const LOOK_INTERVAL_MS = 50;
/** After a check, the thread pauses for the duration of the check times this factor. */
const PAUSE_SHARE = 3;
/**
 * If a change happened less than this long before the watcher learned of a folder, the kernel's
 * answers may not include the change.
 */
const RECENT_MS = 2000;
/** The longest delay between the timestamp that a commit contains and the commit itself. */
const COMMIT_SECONDS = 300;
/** The node number of the mount's root. */
const ROOT_NUMBER = 0;
const CATALOG = 'catalog';
/**
 * If the kernel knows more users than this, the whole catalogue is read instead of querying each
 * user.
 */
const FEW_USERS = 200;

export class StoreChanges implements Watcher {
  readonly #catalog: Catalog;
  readonly #databasePath: string;
  readonly #invalidator: Invalidator;
  readonly #log: (line: string) => void;
  readonly #watches: Watches;
  readonly #looks: UserChanges;
  readonly #users = new Map<string, WatchedUser>();
  readonly #byFile = new Map<string, WatchedUser>();
  readonly #folders = new Map<number, WatchedFolder>();
  /** The time at which each user is due for a check, in milliseconds of performance.now(). */
  readonly #due = new Map<WatchedUser | typeof CATALOG, number>();
  #catalogNotBeforeMs = 0;
  readonly #stop = new AbortController();
  #wake = new AbortController();
  #running: Promise<void> | undefined;

  constructor(
    options: CatalogOptions,
    deletedPrefix: string,
    invalidator: Invalidator,
    log: (line: string) => void,
  ) {
    this.#catalog = Catalog.open(options);
    this.#databasePath = options.databasePath;
    this.#invalidator = invalidator;
    this.#log = log;
    this.#looks = new UserChanges(deletedPrefix, invalidator);
    this.#watches = new Watches((path) => this.#fileChanged(path), log);
    this.#watches.add(this.#databasePath);
  }

  remember(folders: readonly KnownFolder[], atMs: number): void {
    const since = Math.floor(atMs / 1000) - COMMIT_SECONDS;
    const users = new Set<WatchedUser>();
    for (const known of folders) {
      const own = ownFolderOf(known);
      if (own !== undefined && !this.#folders.has(own.number)) this.#addFolder(own, since, true);
      users.add(this.#addFolder(known, since, false));
    }
    for (const user of users) if (changedMs(user.dataFile) >= atMs - RECENT_MS) this.#schedule(user);
  }

  forget(numbers: readonly number[]): void {
    for (const number of numbers) {
      const folder = this.#folders.get(number);
      if (folder === undefined) continue;
      const { user } = folder;
      this.#folders.delete(number);
      user.folders.delete(folder);
      const [own, ...others] = user.folders;
      if (own?.isImplied === true && others.length === 0) {
        this.#folders.delete(own.number);
        user.folders.delete(own);
      }
      if (user.folders.size === 0) this.#removeUser(user);
    }
  }

  async close(): Promise<void> {
    this.#watches.close();
    this.#stop.abort();
    this.#wake.abort();
    await this.#running;
    this.#looks.close();
    this.#catalog.close();
  }

  #addFolder({ number, parent, shown }: KnownFolder, since: number, isImplied: boolean): WatchedUser {
    const user = this.#users.get(shown.userid) ?? this.#addUser(shown.userid, shown.dataFile);
    const unseen = { state: undefined, children: undefined, sent: new Set<number>() };
    const folder: WatchedFolder = { number, parent, ...shown, user, since, isImplied, ...unseen };
    user.folders.add(folder);
    this.#folders.set(number, folder);
    return user;
  }

  #addUser(userid: string, dataFile: string): WatchedUser {
    const times = { delayMs: FIRST_DELAY_MS, notBeforeMs: 0, unsettledUntilMs: 0 };
    const user = { userid, dataFile, folders: new Set<WatchedFolder>(), files: '', ...times };
    this.#users.set(userid, user);
    this.#place(user, dataFile);
    return user;
  }

  #place(user: WatchedUser, dataFile: string): void {
    user.dataFile = dataFile;
    this.#byFile.set(dataFile, user);
    this.#watches.add(logOf(dataFile));
  }

  #removeUser(user: WatchedUser): void {
    this.#users.delete(user.userid);
    this.#due.delete(user);
    this.#displace(user);
  }

  #displace({ dataFile }: WatchedUser): void {
    this.#byFile.delete(dataFile);
    this.#watches.remove(logOf(dataFile));
  }

  #fileChanged(path: string): void {
    if (path === this.#databasePath) return this.#lookBy(CATALOG, this.#catalogNotBeforeMs);
    const user = this.#byFile.get(path.replace(/\.index(-wal)?$/, ''));
    if (user !== undefined) this.#schedule(user);
  }

  #schedule(user: WatchedUser): void {
    user.delayMs = FIRST_DELAY_MS;
    this.#lookBy(user, user.notBeforeMs);
  }

  #lookBy(what: WatchedUser | typeof CATALOG, notBeforeMs: number): void {
    const dueMs = Math.max(performance.now() + FIRST_DELAY_MS, notBeforeMs);
    if ((this.#due.get(what) ?? Infinity) <= dueMs || this.#stop.signal.aborted) return;
    this.#due.set(what, dueMs);
    this.#wake.abort();
    this.#running ??= this.#work().finally(() => (this.#running = undefined));
  }

  async #work(): Promise<void> {
    while (!this.#stop.signal.aborted && this.#due.size > 0) {
      this.#wake = new AbortController();
      const [what, dueMs] = [...this.#due].reduce((a, b) => (b[1] < a[1] ? b : a));
      const startMs = performance.now();
      if (dueMs > startMs) {
        await pause(dueMs - startMs, this.#wake.signal);
        continue;
      }
      this.#due.delete(what);
      await (what === CATALOG ? this.#lookAtCatalog() : this.#lookAt(what));
      await pause(PAUSE_SHARE * (performance.now() - startMs), this.#stop.signal);
    }
  }

  async #lookAt(user: WatchedUser): Promise<void> {
    const hasChanged = await this.#looks.look(user).catch((error: unknown) => {
      this.#log(`mount: looking for changes of ${user.userid}: ${messageOf(error)}`);
      return false;
    });
    const nowMs = performance.now();
    user.notBeforeMs = nowMs + LOOK_INTERVAL_MS;
    if (this.#users.get(user.userid) !== user) return;
    user.delayMs = (hasChanged ? FIRST_DELAY_MS : user.delayMs) * DELAY_GROWTH;
    const again = [this.#due.get(user) ?? Infinity];
    if (user.delayMs <= LAST_DELAY_MS) again.push(nowMs + Math.max(user.delayMs, LOOK_INTERVAL_MS));
    if (user.unsettledUntilMs > 0) again.push(Math.max(user.unsettledUntilMs, user.notBeforeMs));
    const nextMs = Math.min(...again);
    if (nextMs < Infinity) this.#due.set(user, nextMs);
  }

  /** Finds users that were removed, and users whose data file has moved. */
  async #lookAtCatalog(): Promise<void> {
    try {
      await this.#invalidator.folder(ROOT_NUMBER, false);
      const all = this.#users.size <= FEW_USERS ? undefined : this.#allDataFiles();
      for (const user of this.#users.values()) {
        const { userid } = user;
        await this.#placeAgain(
          user,
          (all === undefined ? this.#catalog.find(userid) : all.get(userid)) ?? null,
        );
      }
    } catch (error) {
      this.#log(`mount: looking for changes in ${this.#databasePath}: ${messageOf(error)}`);
    }
    this.#catalogNotBeforeMs = performance.now() + LOOK_INTERVAL_MS;
  }

  #allDataFiles(): Map<string, string> {
    return new Map(Array.from(this.#catalog.list(), ({ userid, path }) => [userid, path]));
  }

  async #placeAgain(user: WatchedUser, dataFile: string | null): Promise<void> {
    if (dataFile === user.dataFile) return;
    if (dataFile === null) {
      const own = [...user.folders].filter(({ path }) => path === '');
      for (const { parent, name } of own) await this.#invalidator.name(parent, Buffer.from(name, 'utf8'));
      return;
    }
    this.#displace(user);
    this.#place(user, dataFile);
    user.unsettledUntilMs = settledMs();
    this.#schedule(user);
  }
}

/**
 * Returns the user's own folder if the given folder lies directly in it; otherwise undefined. In a
 * store with very many users, the watcher is not informed that the kernel knows a user's own
 * folder. Most of these folders are only listed.
 */
function ownFolderOf({ parent, shown }: KnownFolder): KnownFolder | undefined {
  if (shown.path === '' || shown.path.includes('/')) return undefined;
  const name = nameOfUserid(shown.userid);
  return { number: parent, parent: ROOT_NUMBER, shown: { ...shown, path: '', name, identity: '' } };
}

function logOf(dataFile: string): string {
  return `${dataFile}.index-wal`;
}

/**
 * Returns when the data file or its index was last written or replaced. Returns 0 if neither exists
 * or if this cannot be determined.
 */
function changedMs(dataFile: string): number {
  const times = [logOf(dataFile), `${dataFile}.index`].map((path) => {
    try {
      return disk.stat(path)?.ctimeMs ?? 0;
    } catch {
      return 0;
    }
  });
  return Math.max(...times);
}

async function pause(durationMs: number, signal: AbortSignal): Promise<void> {
  await sleep(durationMs, undefined, { signal, ref: false }).catch(() => undefined);
}
