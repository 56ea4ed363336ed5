/**
 * One look at a user's backup: what of that which the kernel knows has changed since the last one, told to the kernel.
 *
 * Nothing is kept of messages: the index says which were expunged or have other flags since a moment, and all of these are
 * told, whether the kernel knew them or not. A new one shows in its folder's time.
 */
import { LRUCache } from 'lru-cache';
import { BackupReader, doubtIndex } from '../../src/backup/reader.ts';
import { changedSince, expungedSince } from '../../src/index/queries/changes.ts';
import { lastMoment, livingMailboxes } from '../../src/index/queries/current.ts';
import type { ChangedRecord } from '../../src/index/queries/changes.ts';
import { isDamagedIndex } from '../../src/index/store/indexErrors.ts';
import type { IndexFile } from '../../src/index/store/indexFile.ts';
import type { Invalidator, ShownFolder } from '../vfs/tree.ts';
import { plainNaming } from '../tree/layouts/naming.ts';
import { livingMail } from '../tree/views/shownMailboxes.ts';
import { buildStructure, childrenOf, folderAt, identityOf } from '../tree/views/structure.ts';
import type { StructureFolder } from '../tree/views/structure.ts';
import { LOOK_AGAIN_MS } from '../tree/validity.ts';

const OPEN_BACKUPS = 8;
/** Where more were expunged at once, the kernel is to forget all of the folder instead. */
const MAX_NAMES = 10_000;
/** Of messages with other flags, whose ctime is another, so many are told of at a time; of more the kernel asks by itself, in time. */
const MAX_CHANGED = 100_000;
/** The tree's clock may start a little later than ours. */
const MARGIN_MS = 200;

export interface WatchedUser {
  readonly userid: string;
  dataFile: string;
  readonly folders: Set<WatchedFolder>;
  /** Names the files that were looked at last; empty: none yet. */
  files: string;
  /**
   * Until then (performance.now()) the tree may go on with files that have been replaced, and so tell the kernel anew
   * what was: all is told again thereafter. 0: all is settled.
   */
  unsettledUntilMs: number;
  /** The interval to the next look, and when it may be at the earliest (performance.now()). */
  delayMs: number;
  notBeforeMs: number;
}

export interface WatchedFolder extends ShownFolder {
  readonly number: number;
  readonly parent: number;
  readonly user: WatchedUser;
  /** It follows from a folder in it, and is watched for as long as there is one. */
  readonly isImplied: boolean;
  identity: string;
  /** What its list and attributes follow from; undefined: never looked at. */
  state: string | undefined;
  /** The folders in it, as a hash. */
  children: bigint | undefined;
  /** From when on (unix seconds) expunged messages are yet to be told, but for those of that second in `sent`. */
  since: number;
  readonly sent: Set<number>;
}

interface OpenBackup {
  readonly reader: BackupReader;
  dataVersion: number;
}

/** What a folder is now, of one snapshot. */
interface Seen {
  readonly folder: WatchedFolder;
  /** Undefined: it is gone. */
  readonly now: StructureFolder | undefined;
  readonly state: string;
  readonly expunged: readonly ChangedRecord[];
  readonly changed: readonly ChangedRecord[];
}

const GONE = 'gone';

export class UserLooks {
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

  /** Answers whether anything was not as it was. */
  async look(user: WatchedUser): Promise<boolean> {
    const folders = [...user.folders];
    const others = folders.filter(({ path }) => path !== '');
    // The time of the user's own is that of the data file, which is written before the commit.
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
      // The next look folds the log instead.
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
      moment: lastMoment(index) ?? 0,
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

  /** Null where it cannot be read: all may have changed then, and the tree says what is wrong to whoever asks it. */
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

  /** The folders whose state is not what it was; `all`: or all. */
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
        // Who has it open is to be told that it has no name any more.
        await this.#invalidator.child(number, uid);
      }
      for (const { uid } of changed) await this.#invalidator.child(number, uid);
    }
    if (now === undefined) return;
    const children = childrenOf(now);
    // Where a folder has gone, nothing that is left need have changed, and the time may not tell. A list that is being
    // read while it is forgotten is not kept by the kernel ever after, so that a long one of messages must not be.
    const isListAnother =
      folder.children === undefined ? now.children.size > 0 : folder.children !== children;
    await this.#invalidator.folder(number, isListAnother);
    folder.identity = identityOf(now);
    folder.children = children;
  }
}

/** When the tree has noticed by itself what was replaced until now. */
export function settledMs(): number {
  return performance.now() + LOOK_AGAIN_MS + MARGIN_MS;
}

function openBackup(dataFile: string): OpenBackup | null {
  try {
    return { reader: new BackupReader(dataFile), dataVersion: -1 };
  } catch {
    return null;
  }
}

/** A folder that was no mailbox has nothing in it that another could be taken for. */
function isAnother({ identity }: WatchedFolder, now: StructureFolder): boolean {
  return identity !== '' && identity !== identityOf(now);
}

/** The mailbox's own state is in the time of its folder, and in those of all above it. */
function stateOf(folder: StructureFolder): string {
  return `${identityOf(folder)} ${folder.changedMs} ${childrenOf(folder)} ${folder.mailbox?.crc}`;
}

/** All up to `moment` need not be told again, but what else comes in its second. */
function settle({ folder, expunged }: Seen, moment: number): void {
  if (moment !== folder.since) folder.sent.clear();
  folder.since = moment;
  for (const { uid, since } of expunged) if (since >= moment) folder.sent.add(uid);
}
