/** The mount's top: a folder for each user of the catalogue. Users cost nothing until somebody looks into them. */
import { statSync, statfsSync } from 'node:fs';
import type { Catalog, CatalogEntry } from '../../src/catalog/catalog.ts';
import { BackupError } from '../../src/errors.ts';
import { sharedUserid } from '../../src/mailbox/names.ts';
import { decodeSegment, encodeSegment } from '../../src/mailbox/pathSegment.ts';
import type { Attributes, Entry, FileItem, FolderPlace, ListedEntry, TreeStatistics } from '../tree.ts';
import type { Handles } from './handles.ts';
import { inodeOf } from './hash.ts';
import { MailboxFolder } from './mailboxFolder.ts';
import type { UserPlace } from './mailboxFolder.ts';
import type { Owner } from './owner.ts';
import { FOLDER_VALID_MS, LOOK_AGAIN_MS, NEGATIVE_VALID_MS } from './validity.ts';

const BLOCK_BYTES = 4096;

export class RootFolder implements FolderPlace {
  readonly kind = 'folder';
  readonly key = '/';
  readonly parent = undefined;
  readonly negativeValidMs = NEGATIVE_VALID_MS;
  readonly #catalog: Catalog;
  readonly #databasePath: string;
  readonly #handles: Handles;
  readonly #owner: Owner;

  constructor(catalog: Catalog, databasePath: string, handles: Handles, owner: Owner) {
    this.#catalog = catalog;
    this.#databasePath = databasePath;
    this.#handles = handles;
    this.#owner = owner;
  }

  attributes(): Attributes {
    const { mtimeMs, size } = statSync(this.#databasePath);
    // Two changes may come in one tick of the file system's clock, but each makes backups.db larger.
    return attributesOf(inodeOf('root'), mtimeMs + ((size / 8) % 1000) / 1000, this.#owner);
  }

  xattrNames(): readonly string[] {
    return [];
  }

  xattr(): undefined {
    return undefined;
  }

  lookup(name: Buffer): Entry | undefined {
    const userid = useridOfName(name.toString('utf8'));
    const path = userid === undefined ? null : this.#find(userid);
    return userid === undefined || path === null ? undefined : this.#entry({ userid, path });
  }

  list(after: bigint, visit: (entry: ListedEntry) => boolean): void {
    let cookie = 0n;
    for (const user of this.#catalog.list()) {
      cookie += 1n;
      if (cookie <= after) continue;
      if (!visit({ ...this.#entry(user), name: Buffer.from(nameOfUserid(user.userid), 'utf8'), cookie }))
        return;
    }
  }

  child(number: number): FileItem {
    throw new BackupError('not-found', `no file ${number} at the top`);
  }

  /** A userid that cannot be one is a name that is not here. */
  #find(userid: string): string | null {
    try {
      return this.#catalog.find(userid);
    } catch (error) {
      if (error instanceof BackupError && error.kind === 'no-user') return null;
      throw error;
    }
  }

  #entry({ userid, path }: CatalogEntry): Entry {
    let current = path;
    let lookedAtMs = Date.now();
    const user: UserPlace = {
      userid,
      handles: this.#handles,
      owner: this.#owner,
      // Each look into backups.db takes its lock: once a second is enough to notice that a backup was moved.
      path: () => {
        if (Date.now() - lookedAtMs < LOOK_AGAIN_MS) return current;
        const found = this.#catalog.find(userid);
        if (found === null) throw new BackupError('not-found', `${userid} has no backup`);
        lookedAtMs = Date.now();
        current = found;
        return current;
      },
      lastPath: () => current,
    };
    const place = new UserFolder(user, this);
    return { node: { place, number: 0 }, attributes: userAttributes(user, path) };
  }
}

/** A user's folder: its attributes come from the data file, so that listing all users opens none. */
class UserFolder extends MailboxFolder {
  readonly #user: UserPlace;

  constructor(user: UserPlace, parent: FolderPlace) {
    super(user, parent, '', nameOfUserid(user.userid), '');
    this.#user = user;
  }

  override attributes(): Attributes {
    return userAttributes(this.#user, this.#user.path());
  }
}

function userAttributes(user: UserPlace, path: string): Attributes {
  // A data file that is not there is EIO where it is read, and no reason to hide that there is a user.
  const mtimeMs = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return attributesOf(inodeOf('user', user.userid), mtimeMs, user.owner);
}

/** One link: the number of folders in it is not counted (as on btrfs; find then looks for itself). */
function attributesOf(inode: bigint, mtimeMs: number, owner: Owner): Attributes {
  const times = { mtimeMs, ctimeMs: mtimeMs };
  return {
    kind: 'folder',
    inode,
    sizeBytes: 0,
    ...times,
    nlink: 1,
    mode: 0o500,
    ...owner,
    validMs: FOLDER_VALID_MS,
  };
}

function nameOfUserid(userid: string): string {
  return userid === sharedUserid ? userid : encodeSegment(userid);
}

function useridOfName(name: string): string | undefined {
  return name === sharedUserid ? name : decodeSegment(name);
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
