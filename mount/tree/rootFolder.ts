/** The mount's top: a folder for each user of the catalogue. Users cost nothing until somebody looks into them. */
import { statSync, statfsSync } from 'node:fs';
import type { CatalogEntry } from '../../src/catalog/catalog.ts';
import { BackupError } from '../../src/errors.ts';
import type { Attributes, Entry, ListedEntry, TreeStatistics } from '../tree.ts';
import { folderAttributes } from './attributes.ts';
import { inodeOf } from './hash.ts';
import type { Owner } from './owner.ts';
import { mountMetrics, mountStatus } from './status.ts';
import type { MountFigures } from './status.ts';
import { TextFile } from './textFile.ts';
import { TreeFolder, entryOf } from './treeFolder.ts';
import type { FixedName } from './treeFolder.ts';
import { UserBackup } from './userBackup.ts';
import { nameOfUserid, useridOfName } from './useridName.ts';
import { isTold, userFolder } from './userTree.ts';
import type { TreeContext } from './userTree.ts';
import { FOLDER_VALID_MS, UNNOTICED_VALID_MS } from './validity.ts';

const BLOCK_BYTES = 4096;
/** Where users own their folders they may pass, and not see who else has one. */
const PASSABLE = 0o511;

export class RootFolder extends TreeFolder {
  readonly #context: TreeContext;
  readonly #databasePath: string;
  readonly #owner: Owner;
  readonly #isShown: (userid: string) => boolean;
  #lastList: readonly CatalogEntry[] | undefined;

  constructor(context: TreeContext, databasePath: string, owner: Owner) {
    const startedAtMs = Date.now();
    const text = (
      name: string,
      make: (context: TreeContext, figures: MountFigures) => string,
    ): FixedName => ({
      name,
      isListed: context.settings.listsAll,
      make: (self) => {
        const of = { user: { owner, snapshots: context.handles.snapshots } };
        return new TextFile(`/${name}`, self, of, () => {
          return make(context, { startedAtMs, users: this.#users().length });
        });
      },
    });
    const fixed = [text('.status.json', mountStatus), text('.metrics', mountMetrics)];
    super({ key: '/', parent: undefined, fixed: () => fixed });
    this.#context = context;
    this.#databasePath = databasePath;
    this.#owner = owner;
    this.#isShown = matcher(context.settings.users);
  }

  protected ownAttributes(): Attributes {
    const { mtimeMs, size } = statSync(this.#databasePath);
    const mode = this.#context.owners.isMapped ? PASSABLE : 0o500;
    const shape = {
      inode: inodeOf('root'),
      // Two changes may come in one tick of the file system's clock, but each makes backups.db larger.
      mtimeMs: mtimeMs + ((size / 8) % 1000) / 1000,
      owner: this.#owner,
      validMs: FOLDER_VALID_MS,
    };
    return folderAttributes(shape, 1, mode);
  }

  protected find(name: string): Entry | undefined {
    const userid = useridOfName(name);
    const path = userid === undefined || !this.#isShown(userid) ? null : this.#path(userid);
    return userid === undefined || path === null ? undefined : this.#entry({ userid, path });
  }

  protected each(after: number, visit: (entry: ListedEntry) => boolean): void {
    const first = after;
    // A long list comes in many pieces: all but the first go on in what was read for that.
    const users = first === 0 ? this.#users() : (this.#lastList ?? this.#users());
    if (first === 0) this.#context.owners.prepare(users.map(({ userid }) => userid));
    this.#lastList = users;
    for (let at = first; at < users.length; at += 1) {
      const user = users[at];
      if (user === undefined) break;
      const name = Buffer.from(nameOfUserid(user.userid), 'utf8');
      if (!visit({ ...this.#entry(user), name, cookie: at + 1 })) return;
    }
    this.#lastList = undefined;
  }

  #validMs(): number {
    return isTold(this.#context.settings) ? FOLDER_VALID_MS : UNNOTICED_VALID_MS;
  }

  #users(): CatalogEntry[] {
    return [...this.#context.catalog.list()].filter(({ userid }) => this.#isShown(userid));
  }

  /** A userid that cannot be one is a name that is not here. */
  #path(userid: string): string | null {
    try {
      return this.#context.catalog.find(userid);
    } catch (error) {
      if (error instanceof BackupError && error.kind === 'no-user') return null;
      throw error;
    }
  }

  #entry({ userid, path }: CatalogEntry): Entry {
    const { owners, catalog, handles } = this.#context;
    const user = new UserBackup(userid, path, owners.of(userid), catalog, handles);
    return entryOf(userFolder(this.#context, user, this, () => userAttributes(user, this.#validMs())));
  }
}

/** From the data file, so that listing all users opens none. */
function userAttributes(user: UserBackup, validMs: number): Attributes {
  // A data file that is not there is EIO where it is read, and no reason to hide that there is a user.
  const mtimeMs = statSync(user.path(), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return folderAttributes({ inode: inodeOf('user', user.userid), mtimeMs, owner: user.owner, validMs });
}

/** Whether a userid is one of those that any pattern means. */
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

/** What the store takes of its partitions' disks. */
export function partitionStatistics(partitions: Iterable<string>): TreeStatistics {
  const seen = new Set<number>();
  let blocks = 0;
  let files = 0;
  for (const path of partitions) {
    const device = statSync(path, { throwIfNoEntry: false })?.dev;
    if (device === undefined || seen.has(device)) continue;
    seen.add(device);
    const disk = statfsSync(path);
    blocks += Math.round(((disk.blocks - disk.bfree) * disk.bsize) / BLOCK_BYTES);
    files += disk.files - disk.ffree;
  }
  return { blockBytes: BLOCK_BYTES, blocks, files };
}
