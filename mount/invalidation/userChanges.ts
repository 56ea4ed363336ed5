/**
 * Checks a user's backup, and invalidates whatever has changed since the last check in the folders
 * that the kernel knows.
 *
 * No state is kept for single messages. The index lists the messages that were expunged, or whose
 * flags changed, since a timestamp. All of these are invalidated, whether the kernel knows them or
 * not. A new message changes its folder's mtime, so the folder is invalidated.
 */
import { LRUCache } from 'lru-cache';
import { BackupReader, doubtIndex } from '../../src/backup/reader.ts';
import { livingMailboxes } from '../../src/index/queries/mailboxes.ts';
import { changedSince, expungedSince } from '../../src/index/queries/recordHistory.ts';
import type { ChangedRecord } from '../../src/index/queries/recordHistory.ts';
import { lastTimestamp } from '../../src/index/queries/timestamps.ts';
import { isDamagedIndex } from '../../src/index/store/indexErrors.ts';
import type { IndexFile } from '../../src/index/store/indexFile.ts';
import type { Invalidator, ShownFolder } from '../vfs/tree.ts';
import { plainNaming } from '../tree/layouts/naming.ts';
import { livingMail } from '../tree/views/shownMailboxes.ts';
import { buildStructure, childrenOf, folderAt, identityOf } from '../tree/views/structure.ts';
import type { StructureFolder } from '../tree/views/structure.ts';
import { RECHECK_MS } from '../tree/validity.ts';

const OPEN_BACKUPS = 8;
/**
 * If more messages than this were expunged since the last check, the whole folder is invalidated
 * instead of single names.
 */
const MAX_NAMES = 10_000;
/**
 * The maximum number of messages with changed flags (and therefore a changed ctime) that are
 * invalidated in one check. For any further messages, the kernel asks again when their attributes
 * time out.
 */
const MAX_CHANGED = 100_000;
/**
 * The tree's thread may read the clock slightly later than this thread. This margin allows for it.
 */
const MARGIN_MS = 200;

export interface WatchedUser {
  readonly userid: string;
  dataFile: string;
  readonly folders: Set<WatchedFolder>;
  /** Identifies the files that were checked last. Empty if none have been checked. */
  files: string;
  /**
   * Until this time (performance.now()), the tree may still use replaced files and give the kernel
   * outdated answers. After this time, everything is invalidated once more. 0 if nothing is
   * pending.
   */
  unsettledUntilMs: number;
  /**
   * The interval until the next check, and the earliest time for that check (performance.now()).
   */
  delayMs: number;
  notBeforeMs: number;
}

export interface WatchedFolder extends ShownFolder {
  readonly number: number;
  readonly parent: number;
  readonly user: WatchedUser;
  /**
   * The folder is watched only because the kernel knows a folder in it, and only as long as that is
   * so.
   */
  readonly isImplied: boolean;
  identity: string;
  /** The state from which the folder's list and attributes derive; undefined if never checked. */
  state: string | undefined;
  /** A hash of the folder's subfolders. */
  children: bigint | undefined;
  /**
   * Messages expunged at or after this time (unix seconds) still have to be invalidated. The
   * exception is the messages in `sent`: they were expunged in exactly this second and are
   * invalidated already.
   */
  since: number;
  readonly sent: Set<number>;
}

interface OpenBackup {
  readonly reader: BackupReader;
  dataVersion: number;
}

/** The present state of a folder, read from a single snapshot of the index. */
interface Seen {
  readonly folder: WatchedFolder;
  /** The folder in the present structure; undefined if the folder is gone. */
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

  /** Checks a user and returns whether anything has changed. */
  async look(user: WatchedUser): Promise<boolean> {
    const folders = [...user.folders];
    const others = folders.filter(({ path }) => path !== '');
    // The user's own folder has the mtime of the data file, which is written before the commit.
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
      // The next check ignores the damaged index and folds the log instead.
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
   * Opens the user's backup. Returns null if it cannot be read. In that case anything may have
   * changed, and programs that use the mount get the error from the tree.
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

  /** Returns the folders whose state has changed, or every folder if `all` is set. */
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
        // A program that has the message open must see that its link count is 0.
        await this.#invalidator.child(number, uid);
      }
      for (const { uid } of changed) await this.#invalidator.child(number, uid);
    }
    if (now === undefined) return;
    const children = childrenOf(now);
    // If a subfolder is gone, the remaining mailboxes may be unchanged, and so may the mtime. Only
    // in this case is the list itself invalidated. If a list is invalidated while a program reads
    // it, the kernel never caches it again, which is costly for a long list of messages.
    const isListAnother =
      folder.children === undefined ? now.children.size > 0 : folder.children !== children;
    await this.#invalidator.folder(number, isListAnother);
    folder.identity = identityOf(now);
    folder.children = children;
  }
}

/**
 * Returns the time by which the tree will have noticed every file that has been replaced so far.
 */
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
 * Reports whether another mailbox now has the folder's path. If the folder was not a mailbox, it
 * holds no messages that could be confused with others, so the result is false.
 */
function isAnother({ identity }: WatchedFolder, now: StructureFolder): boolean {
  return identity !== '' && identity !== identityOf(now);
}

/**
 * Returns the state of a folder. The mailbox's own state is part of the mtime of its folder and of
 * all the folder's ancestors.
 */
function stateOf(folder: StructureFolder): string {
  return `${identityOf(folder)} ${folder.changedMs} ${childrenOf(folder)} ${folder.mailbox?.crc}`;
}

/**
 * Marks everything up to `moment` (unix seconds) as invalidated. Messages that are expunged later
 * in that same second will still be invalidated.
 */
function settle({ folder, expunged }: Seen, moment: number): void {
  if (moment !== folder.since) folder.sent.clear();
  folder.since = moment;
  for (const { uid, since } of expunged) if (since >= moment) folder.sent.add(uid);
}
