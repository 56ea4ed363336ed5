/**
 * A user's mailboxes as nested folders. A mailbox may have subfolders, and a folder need not be a
 * mailbox.
 */
import { fileTimeMs } from '../attributes.ts';
import { inodeOf } from '../hash.ts';
import type { RecordsShown } from '../../../src/index/queries/atTime.ts';
import type { ViewMailbox } from '../../../src/index/queries/views.ts';

/** A mailbox, its folder path, and which of its records are shown there. */
export interface ShownMailbox {
  readonly mailbox: ViewMailbox;
  /** At least one level. */
  readonly path: readonly string[];
  readonly shown: RecordsShown;
}

export interface StructureFolder {
  /** The levels below the user's folder, joined by slashes; empty for the user's folder itself. */
  readonly path: string;
  /** Null: the folder only has subfolders. */
  mailbox: ViewMailbox | null;
  shown: RecordsShown;
  readonly children: Map<string, StructureFolder>;
  /**
   * The lowest id of a mailbox in it. It gives the folder a position among its siblings that does
   * not change when others come and go.
   */
  firstId: number;
  /**
   * `changed` is the time of the last change below it, by the log (unix seconds). `hash` is a hash
   * of the state of all mailboxes below it, less than a million.
   */
  changed: number;
  hash: number;
  /** Both combined, in milliseconds: the hash distinguishes changes within one second. */
  readonly changedMs: number;
}

/** A mailbox that existed until a time (unix seconds). */
export interface DepartedMailbox {
  readonly path: readonly string[];
  readonly until: number;
}

/**
 * Builds the tree. A folder's mtime derives from the log alone, so it is the same after a remount,
 * even if a subfolder has gone.
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
 * Notes a departed mailbox in the folder that held it, or in those of its ancestors that still
 * exist.
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
 * A prime, so that each mailbox has a different factor, and a change in one does not cancel a
 * change in another.
 */
const HASHES = 999_983;

/** An EXPUNGE of an old master does not raise the modseq, but changes the checksum. */
function hashOf({ id, highestmodseq, crc = 0 }: ViewMailbox): number {
  const state = (BigInt(highestmodseq) * 7919n + BigInt(crc) + 1n) % BigInt(HASHES);
  return Number((state * (BigInt(id) * 104_729n + 7919n)) % BigInt(HASHES));
}

/** Changes if another mailbox takes the folder's path, or if the UIDs start anew. */
export function identityOf({ mailbox }: Pick<StructureFolder, 'mailbox'>): string {
  return mailbox === null ? '' : `${mailbox.uniqueid} ${mailbox.uidvalidity}`;
}

export function uniqueidIn(identity: string): string {
  return identity.slice(0, identity.lastIndexOf(' '));
}

/** Changes if subfolders come or go. */
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
