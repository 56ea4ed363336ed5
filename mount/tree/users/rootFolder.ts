/**
 * The mount's root. It has a folder for each user of the catalogue. A user takes hardly any
 * resources until the user's folder is opened.
 */
import { LRUCache } from 'lru-cache';
import { BackupError } from '../../../src/errors.ts';
import type {
  Attributes,
  Entry,
  FolderReference,
  ListedEntry,
  ShownFolder,
  TreeStatistics,
} from '../../vfs/tree.ts';
import { fileTimeMs, folderAttributes } from '../attributes.ts';
import { inodeOf } from '../hash.ts';
import type { Owner } from '../owner.ts';
import { mountMetrics, mountStatus } from '../hidden/status.ts';
import type { MountStats } from '../hidden/status.ts';
import { TextFile } from '../textFile.ts';
import { TreeFolder } from '../treeFolder.ts';
import type { FixedName } from '../treeFolder.ts';
import { UserBackup } from '../backup/userBackup.ts';
import { UserReference } from './userNode.ts';
import type { UserReferences } from './userNode.ts';
import { nameOfUserid, useridOfName } from '../useridName.ts';
import { isTold, userFolder } from '../userTree.ts';
import type { TreeContext } from '../userTree.ts';
import { MailSizes } from './mailSizes.ts';
import { Users } from './users.ts';
import { FOLDER_VALID_MS, UNNOTICED_VALID_MS } from '../validity.ts';
import { disk } from '../../../src/fs/disk/current.ts';
import { statExisting } from '../../../src/fs/names.ts';

/** Added to the root's mode if users own their folders: they may pass through it. */
const PASSABLE = 0o011;
/**
 * The first limit is the number of users whose folder contents are kept in memory. If the mount has
 * more users than the second limit, the users' own folders are not watched.
 */
const OPENED_USERS = 256;
const TOLD_USERS = 10_000;
/** Reading this many users from backups.db takes a millisecond or two. */
const FEW_USERS = 1000;

/** The state of the list of users when it was last read. */
interface Listed {
  readonly fileMs: number;
  readonly listVersion: number;
  readonly changedMs: number;
}

interface OpenedUser {
  readonly owner: Owner;
  readonly folder: FolderReference;
}

export class RootFolder extends TreeFolder implements UserReferences {
  readonly #context: TreeContext;
  readonly #databasePath: string;
  readonly #owner: Owner;
  readonly #users: Users;
  #listed: Listed | undefined;
  readonly #sizes: MailSizes;
  readonly #opened = new LRUCache<string, OpenedUser>({ max: OPENED_USERS });

  constructor(context: TreeContext, databasePath: string, owner: Owner) {
    const startedAtMs = Date.now();
    const { catalog, settings } = context;
    const users = new Users(catalog, databasePath, matcher(settings.users));
    const text = (name: string, make: (context: TreeContext, figures: MountStats) => string): FixedName => ({
      name,
      isListed: settings.listsAll,
      make: (self) => {
        const of = { user: { owner, snapshots: context.handles.snapshots } };
        return new TextFile(`/${name}`, self, of, () => {
          return make(context, { startedAtMs, users: users.count() });
        });
      },
    });
    const fixed = [text('.status.json', mountStatus), text('.metrics', mountMetrics)];
    super({ key: '/', parent: undefined, fixed: () => fixed });
    this.#context = context;
    this.#databasePath = databasePath;
    this.#owner = owner;
    this.#users = users;
    this.#sizes = new MailSizes(settings.deletedPrefix);
  }

  /** Names are hidden where each user may see only the own folder. */
  override get hidesNames(): boolean {
    return this.#context.owners.isMapped;
  }

  attributesOf(userid: string): Attributes {
    return this.#attributes(userid, this.#path(userid));
  }

  folderOf(userid: string): FolderReference {
    const owner = this.#context.owners.of(userid);
    const known = this.#opened.get(userid);
    if (known?.owner === owner) return known.folder;
    const { catalog, handles } = this.#context;
    const user = new UserBackup(userid, this.#path(userid), owner, catalog, handles);
    const folder = userFolder(this.#context, user, this, () => this.attributesOf(userid));
    this.#opened.set(userid, { owner, folder });
    return folder;
  }

  shownOf(userid: string): ShownFolder | undefined {
    if (!this.#isTold) return undefined;
    const dataFile = this.#users.find(userid);
    if (dataFile === null) return undefined;
    return { userid, dataFile, path: '', name: nameOfUserid(userid), identity: '' };
  }

  /** Returns how much mail the mount shows. */
  statistics(): TreeStatistics {
    this.#users.refresh();
    return this.#sizes.statistics([...this.#users.from(0)]);
  }

  protected ownAttributes(): Attributes {
    const mode = this.#owner.folderMode | (this.#context.owners.isMapped ? PASSABLE : 0);
    const shape = {
      inode: inodeOf('root'),
      mtimeMs: this.#changedMs(),
      owner: this.#owner,
      validMs: FOLDER_VALID_MS,
    };
    return folderAttributes(shape, 1, mode);
  }

  /**
   * Returns when a user was last added or removed. Moving a user's files changes backups.db, but
   * not the list of users. If reading the list would take long, any change of backups.db counts.
   */
  #changedMs(): number {
    const { mtimeMs, size } = statExisting(this.#databasePath);
    // Two changes may happen within one tick of the file system's clock. The size still
    // distinguishes them, because each change makes backups.db larger.
    const fileMs = mtimeMs + ((size / 8) % 1000) / 1000;
    if (this.#users.knownCount > FEW_USERS) return fileMs;
    const known = this.#listed;
    if (known?.fileMs === fileMs) return known.changedMs;
    this.#users.refresh();
    const { listVersion } = this.#users;
    const changedMs = known?.listVersion === listVersion ? known.changedMs : fileMs;
    this.#listed = { fileMs, listVersion, changedMs };
    return changedMs;
  }

  protected find(name: string): Entry | undefined {
    const userid = useridOfName(name, () => {
      this.#users.refresh();
      return this.#userids();
    });
    const path = userid === undefined ? null : this.#users.find(userid);
    return userid === undefined || path === null ? undefined : this.#entry(userid, path);
  }

  protected each(after: number, visit: (entry: ListedEntry) => boolean): void {
    if (after === 0) this.#users.refresh();
    if (after === 0) this.#context.owners.prepare(this.#userids());
    for (const { userid, path, place } of this.#users.from(after)) {
      const name = Buffer.from(nameOfUserid(userid), 'utf8');
      if (!visit({ ...this.#entry(userid, path), name, cookie: place + 1 })) return;
    }
  }

  *#userids(): Generator<string> {
    for (const { userid } of this.#users.from(0)) yield userid;
  }

  /**
   * Whether the users' own folders are watched. With too many users to watch, the kernel asks again
   * when its cached attributes time out.
   */
  get #isTold(): boolean {
    return isTold(this.#context.settings) && this.#users.knownCount <= TOLD_USERS;
  }

  #path(userid: string): string {
    const path = this.#users.find(userid);
    if (path !== null) return path;
    throw new BackupError('not-found', `${userid} has no backup`, { subject: userid });
  }

  #entry(userid: string, path: string): Entry {
    const attributes = this.#attributes(userid, path);
    return { node: { place: new UserReference(userid, this), number: 0 }, attributes };
  }

  /**
   * Returns the attributes of a user's folder. The mtime is that of the data file, so listing all
   * users opens no data file. Code that rewrites the file without changing the mail preserves its
   * mtime.
   */
  #attributes(userid: string, path: string): Attributes {
    const { at } = this.#context.settings;
    // If the data file is missing, reading the folder gives EIO. The user's folder must still be
    // listed.
    const fileMs = (): number => disk.stat(path)?.mtimeMs ?? 0;
    const mtimeMs = at === undefined ? fileMs() : fileTimeMs(at);
    const owner = this.#context.owners.of(userid);
    // The kernel shares cached names between accounts: it must ask for each lookup.
    const seenMs = this.#isTold ? FOLDER_VALID_MS : UNNOTICED_VALID_MS;
    const validMs = this.hidesNames ? 0 : seenMs;
    return folderAttributes({ inode: inodeOf('user', userid), mtimeMs, owner, validMs });
  }
}

/** Returns a function that reports whether a userid matches any of the patterns. */
function matcher(patterns: readonly string[]): (userid: string) => boolean {
  if (patterns.length === 0) return () => true;
  const each = patterns.map((pattern) =>
    pattern
      .replaceAll(/[\\^$.|+()[\]{}]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.'),
  );
  const regexp = new RegExp(`^(?:${each.join('|')})$`, 's');
  return (userid) => regexp.test(Buffer.from(userid, 'latin1').toString('utf8'));
}
