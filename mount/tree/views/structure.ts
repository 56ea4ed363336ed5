/**
 * A user's mailboxes as nested folders. A mailbox may have subfolders, and a folder need not be a
 * mailbox.
 */
import { fileTimeMs } from '../attributes.ts';
import { inodeOf } from '../hash.ts';
import type { ViewMailbox } from '../../../src/index/queries/mailboxes.ts';
import type { RecordsShown } from '../../../src/index/queries/records.ts';

/** A mailbox, the path of its folder, and the kind of records that the folder shows. */
export interface ShownMailbox {
  readonly mailbox: ViewMailbox;
  /** The levels of the path. There is at least one. */
  readonly path: readonly string[];
  readonly shown: RecordsShown;
}

export interface StructureFolder {
  /**
   * The path below the user's folder, with slashes between levels. Empty for the user's folder
   * itself.
   */
  readonly path: string;
  /** The mailbox in this folder. Null if the folder has only subfolders. */
  mailbox: ViewMailbox | null;
  shown: RecordsShown;
  readonly children: Map<string, StructureFolder>;
  /**
   * The lowest id of the mailboxes in this folder and below it. It determines the folder's position
   * among its siblings, which stays the same when other folders are added or removed.
   */
  firstId: number;
  /**
   * `changed` is the time of the last change in this folder or below it, as recorded in the log
   * (unix seconds). `hash` is a hash of the state of all these mailboxes, less than a million.
   */
  changed: number;
  hash: number;
  /**
   * `changed` and `hash` combined into milliseconds. The hash distinguishes changes within one
   * second.
   */
  readonly changedMs: number;
}

/** A mailbox that existed until a time (unix seconds). */
export interface DepartedMailbox {
  readonly path: readonly string[];
  readonly until: number;
}

/**
 * Builds the structure. A folder's mtime derives from the log alone. It is therefore the same after
 * a remount, even if a subfolder was removed.
 */
export function buildStructure(
  mailboxes: Iterable<ShownMailbox>,
  departed: Iterable<DepartedMailbox> = [],
): StructureFolder {
  const root = emptyFolder('');
  for (const { mailbox, path, shown } of mailboxes) {
    let folder = root;
    note(folder, mailbox);
    for (const level of path) {
      let child = folder.children.get(level);
      if (child === undefined) {
        child = emptyFolder(folder.path === '' ? level : `${folder.path}/${level}`);
        folder.children.set(level, child);
      }
      folder = child;
      note(folder, mailbox);
    }
    folder.mailbox = mailbox;
    folder.shown = shown;
  }
  for (const { path, until } of departed) noteDeparture(root, path, until);
  return root;
}

/**
 * Records a departed mailbox in its parent folder and the ancestors of that folder, as far down the
 * path as they still exist.
 */
function noteDeparture(root: StructureFolder, path: readonly string[], until: number): void {
  let folder: StructureFolder | undefined = root;
  for (const level of path) {
    if (folder === undefined) return;
    folder.changed = Math.max(folder.changed, until);
    folder = folder.children.get(level);
  }
}

function emptyFolder(path: string): StructureFolder {
  return {
    path,
    mailbox: null,
    shown: 'living',
    children: new Map(),
    firstId: Number.MAX_SAFE_INTEGER,
    changed: 0,
    hash: 0,
    get changedMs() {
      return fileTimeMs(this.changed) + this.hash / 1000;
    },
  };
}

function note(folder: StructureFolder, mailbox: ViewMailbox): void {
  folder.firstId = Math.min(folder.firstId, mailbox.id);
  folder.changed = Math.max(folder.changed, mailbox.changed);
  folder.hash = (folder.hash + hashOf(mailbox)) % HASHES;
}

/**
 * The modulus of the hash. It is a prime, so that each mailbox has a different factor, and the
 * change of one mailbox does not cancel that of another.
 */
const HASHES = 999_983;

/**
 * Returns the hash of a mailbox's state. It includes the checksum, because an EXPUNGE on an old
 * master does not raise the modseq.
 */
function hashOf({ id, highestmodseq, crc = 0 }: ViewMailbox): number {
  const state = (BigInt(highestmodseq) * 7919n + BigInt(crc) + 1n) % BigInt(HASHES);
  return Number((state * (BigInt(id) * 104_729n + 7919n)) % BigInt(HASHES));
}

/**
 * Returns a string that changes if another mailbox gets the folder's path, or if the mailbox's
 * UIDVALIDITY changes.
 */
export function identityOf({ mailbox }: Pick<StructureFolder, 'mailbox'>): string {
  return mailbox === null ? '' : `${mailbox.uniqueid} ${mailbox.uidvalidity}`;
}

export function uniqueidIn(identity: string): string {
  return identity.slice(0, identity.lastIndexOf(' '));
}

/** Returns a hash that changes if subfolders are added or removed. */
export function childrenOf({ children }: StructureFolder): bigint {
  return inodeOf(...children.keys());
}

/** Returns the folder at a path below `root`, or undefined. */
export function folderAt(root: StructureFolder, path: string): StructureFolder | undefined {
  let folder: StructureFolder | undefined = root;
  if (path === '') return root;
  for (const level of path.split('/')) folder = folder?.children.get(level);
  return folder;
}
