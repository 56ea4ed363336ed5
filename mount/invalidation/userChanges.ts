/**
 * Checks a user's backup and invalidates what has changed since the last check, of all that the
 * kernel knows.
 *
 * No state is kept for single messages. The index lists those that were expunged or got other flags
 * since a timestamp. All of these are invalidated, whether the kernel knew them or not. A new
 * message shows in its folder's mtime.
 */
import { LRUCache } from 'lru-cache';
import { BackupReader, doubtIndex } from '../../src/backup/reader.ts';
import { changedSince, expungedSince } from '../../src/index/queries/changes.ts';
import { lastTimestamp, livingMailboxes } from '../../src/index/queries/current.ts';
import type { ChangedRecord } from '../../src/index/queries/changes.ts';
import { isDamagedIndex } from '../../src/index/store/indexErrors.ts';
import type { IndexFile } from '../../src/index/store/indexFile.ts';
import type { Invalidator, ShownFolder } from '../vfs/tree.ts';
import { plainNaming } from '../tree/layouts/naming.ts';
import { livingMail } from '../tree/views/shownMailboxes.ts';
import { buildStructure, childrenOf, folderAt, identityOf } from '../tree/views/structure.ts';
import type { StructureFolder } from '../tree/views/structure.ts';
import { RECHECK_MS } from '../tree/validity.ts';

const OPEN_BACKUPS = 8;
/** If more messages than this were expunged at once, the whole folder is invalidated instead. */
const MAX_NAMES = 10_000;
/**
 * At most this many messages with changed flags (and so another ctime) are invalidated at once. The
 * kernel asks for the others again when their attributes time out.
 */
const MAX_CHANGED = 100_000;
/** The tree's clock may start slightly later than ours. */
const MARGIN_MS = 200;

export interface WatchedUser {
  readonly userid: string;
  dataFile: string;
  readonly folders: Set<WatchedFolder>;
  /** Identifies the files checked last; empty if none yet. */
  files: string;
  /**
   * Until this time (performance.now()), the tree may still use files that have been replaced, and
   * so give the kernel outdated answers. Everything is invalidated once more after it. 0: nothing
   * is pending.
   */
  unsettledUntilMs: number;
  /** The interval to the next check, and the earliest time for it (performance.now()). */
  delayMs: number;
  notBeforeMs: number;
}

export interface WatchedFolder extends ShownFolder {
  readonly number: number;
  readonly parent: number;
  readonly user: WatchedUser;
  /** Implied by a folder in it, and watched for as long as such a folder is. */
  readonly isImplied: boolean;
  identity: string;
  /** The state that its list and attributes derive from; undefined if never checked. */
  state: string | undefined;
  /** A hash of its subfolders. */
  children: bigint | undefined;
  /**
   * Messages expunged since this time (unix seconds) still need invalidating. Those of that very
   * second in `sent` are done.
   */
  since: number;
  readonly sent: Set<number>;
}

interface OpenBackup {
  readonly reader: BackupReader;
  dataVersion: number;
}

/** The present state of a folder, from one snapshot. */
interface Seen {
  readonly folder: WatchedFolder;
  /** Undefined if the folder is gone. */
  readonly now: StructureFolder | undefined;
  readonly state: string;
  readonly expunged: readonly ChangedRecord[];
  readonly changed: readonly ChangedRecord[];
}

const GONE = 'gone';

export class UserChanges {
  readonly #deletedPrefix: string;
  readonly #invalidator: Invalidator;
  readonly #open = new LRUCache<string, OpenBackup>({
    max: OPEN_BACKUPS,
    dispose: ({ reader }) => reader.close(),
  });

  constructor(deletedPrefix: string, invalidator: Invalidator) {
    this.#deletedPrefix = deletedPrefix;
    this.#invalidator = invalidator;
  }

  /** Checks a user. Returns whether anything has changed. */
  async look(user: WatchedUser): Promise<boolean> {
    const folders = [...user.folders];
    const others = folders.filter(({ path }) => path !== '');
    // The mtime of the user's own folder is the data file's, which is written before the commit.
    for (const { number, path } of folders) if (path === '') await this.#invalidator.folder(number, true);
    if (others.length === 0) return false;
    const backup = this.#backup(user);
    if (backup === null) {
      for (const { number } of others) await this.#invalidator.folder(number, true);
      return false;
    }
    try {
      return await this.#compare(user, backup, others);
    } catch (error) {
      // The next check folds the log instead.
      if (isDamagedIndex(error)) doubtIndex(error);
      throw error;
    }
  }

  async #compare(user: WatchedUser, backup: OpenBackup, folders: WatchedFolder[]): Promise<boolean> {
    const { index } = backup.reader;
    const isUnsettled = user.unsettledUntilMs > 0;
    const isLast = isUnsettled && performance.now() >= user.unsettledUntilMs;
    const dataVersion = index.dataVersion();
    const isNew = dataVersion !== backup.dataVersion || folders.some(({ state }) => state === undefined);
    if (!isNew && !isUnsettled) return false;
    backup.dataVersion = dataVersion;
    const { moment, seen } = index.snapshot(() => ({
      moment: lastTimestamp(index) ?? 0,
      seen: this.#see(index, folders, isUnsettled),
    }));
    const hasChanged = seen.some(({ folder, state }) => state !== folder.state);
    for (const each of seen) await this.#tell(each);
    for (const { folder, state } of seen) folder.state = state;
    if (isLast) user.unsettledUntilMs = 0;
    if (user.unsettledUntilMs === 0) for (const each of seen) settle(each, moment);
    return hasChanged;
  }

  close(): void {
    this.#open.clear();
  }

  /**
   * Returns null if the backup cannot be read. Then anything may have changed, and the tree reports
   * the error to the programs that ask.
   */
  #backup(user: WatchedUser): OpenBackup | null {
    const known = this.#open.get(user.dataFile);
    if (known?.reader.isCurrent() === true) return known;
    this.#open.delete(user.dataFile);
    const backup = openBackup(user.dataFile);
    if (backup === null) return null;
    this.#open.set(user.dataFile, backup);
    const files = `${backup.reader.inode} ${backup.reader.indexIdentity}`;
    if (files !== user.files) user.unsettledUntilMs = settledMs();
    user.files = files;
    return backup;
  }

  /** Returns the folders whose state has changed, or all folders with `all`. */
  #see(index: IndexFile, folders: readonly WatchedFolder[], all: boolean): Seen[] {
    const structure = buildStructure(livingMail(livingMailboxes(index), this.#deletedPrefix));
    const seen: Seen[] = [];
    for (const folder of folders) {
      const now = folderAt(structure, folder.path);
      const state = now === undefined ? GONE : stateOf(now);
      if (state === folder.state && !all) continue;
      const id = now?.mailbox?.id;
      const expunged = id === undefined ? [] : expungedSince(index, id, folder.since, MAX_NAMES + 1);
      const changed = id === undefined ? [] : changedSince(index, id, folder.since, MAX_CHANGED);
      seen.push({ folder, now, state, expunged, changed });
    }
    return seen;
  }

  async #tell({ folder, now, expunged, changed }: Seen): Promise<void> {
    const { number, parent, sent } = folder;
    if (now === undefined || isAnother(folder, now) || expunged.length > MAX_NAMES) {
      await this.#invalidator.name(parent, Buffer.from(folder.name, 'utf8'));
    } else {
      for (const { uid } of expunged) {
        if (sent.has(uid)) continue;
        await this.#invalidator.name(number, plainNaming.messageName(uid));
        // A program that has it open must see that it has no links any more.
        await this.#invalidator.child(number, uid);
      }
      for (const { uid } of changed) await this.#invalidator.child(number, uid);
    }
    if (now === undefined) return;
    const children = childrenOf(now);
    // If a subfolder has gone, the remaining mailboxes need not have changed, so the mtime may not
    // show it. The list is invalidated only then. If a list is invalidated while being read, the
    // kernel never caches it again, which is costly for a long list of messages.
    const isListAnother =
      folder.children === undefined ? now.children.size > 0 : folder.children !== children;
    await this.#invalidator.folder(number, isListAnother);
    folder.identity = identityOf(now);
    folder.children = children;
  }
}

/** Returns the time by which the tree will have noticed all files replaced until now. */
export function settledMs(): number {
  return performance.now() + RECHECK_MS + MARGIN_MS;
}

function openBackup(dataFile: string): OpenBackup | null {
  try {
    return { reader: new BackupReader(dataFile), dataVersion: -1 };
  } catch {
    return null;
  }
}

/**
 * Reports whether another mailbox has taken the folder's path. A folder that was no mailbox holds
 * no messages that could be confused.
 */
function isAnother({ identity }: WatchedFolder, now: StructureFolder): boolean {
  return identity !== '' && identity !== identityOf(now);
}

/** The folder's mtime, and that of all its ancestors, reflects the mailbox's own state. */
function stateOf(folder: StructureFolder): string {
  return `${identityOf(folder)} ${folder.changedMs} ${childrenOf(folder)} ${folder.mailbox?.crc}`;
}

/** Marks everything up to `moment` as invalidated, except further changes within that second. */
function settle({ folder, expunged }: Seen, moment: number): void {
  if (moment !== folder.since) folder.sent.clear();
  folder.since = moment;
  for (const { uid, since } of expunged) if (since >= moment) folder.sent.add(uid);
}
