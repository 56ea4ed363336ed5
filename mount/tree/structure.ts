/** A user's mailboxes as folders in folders: a mailbox may have folders in it, and a folder need be no mailbox. */
import { inodeOf } from './hash.ts';
import type { RecordsShown } from '../../src/index/momentQueries.ts';
import type { ViewMailbox } from '../../src/index/viewQueries.ts';

/** A mailbox, the folders that it is in, and what of it is shown there. */
export interface ShownMailbox {
  readonly mailbox: ViewMailbox;
  /** At least one level. */
  readonly path: readonly string[];
  readonly shown: RecordsShown;
}

export interface StructureFolder {
  /** The path's levels from the user's folder down, parted by slashes; empty for the user's folder. */
  readonly path: string;
  /** Null: it only has folders. */
  mailbox: ViewMailbox | null;
  shown: RecordsShown;
  readonly children: Map<string, StructureFolder>;
  /**
   * The lowest id of a mailbox in it: a place among its neighbours that others' coming and going does not move.
   */
  firstId: number;
  /** When anything in it changed last, in milliseconds, told apart below a second by a hash of what holds then. */
  changedMs: number;
  /** When a folder in it was last seen to have come or gone; 0: never. */
  listedMs: number;
}

export function buildStructure(mailboxes: Iterable<ShownMailbox>): StructureFolder {
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
  return root;
}

function emptyFolder(path: string): StructureFolder {
  return {
    path,
    mailbox: null,
    shown: 'living',
    children: new Map(),
    firstId: Number.MAX_SAFE_INTEGER,
    changedMs: 0,
    listedMs: 0,
  };
}

function note(folder: StructureFolder, mailbox: ViewMailbox): void {
  folder.firstId = Math.min(folder.firstId, mailbox.id);
  folder.changedMs = Math.max(folder.changedMs, changedMsOf(mailbox));
}

/** An EXPUNGE of old masters moves no modseq, but the checksum. */
function changedMsOf({ changed, highestmodseq, crc = 0 }: ViewMailbox): number {
  const microseconds = (BigInt(highestmodseq) * 7919n + BigInt(crc)) % 1_000_000n;
  return changed * 1000 + Number(microseconds) / 1000;
}

/** Another where another mailbox has taken a folder's path, or its UIDs have begun anew. */
export function identityOf({ mailbox }: Pick<StructureFolder, 'mailbox'>): string {
  return mailbox === null ? '' : `${mailbox.uniqueid} ${mailbox.uidvalidity}`;
}

export function uniqueidIn(identity: string): string {
  return identity.slice(0, identity.lastIndexOf(' '));
}

/** Another where folders in it have come or gone. */
export function childrenOf({ children }: StructureFolder): bigint {
  return inodeOf(...children.keys());
}

/**
 * Moves the time of each folder whose folders are not those that it had: where one was renamed away or deleted, nothing
 * that is left has changed, and the kernel would believe the list that it has.
 */
export function noteListChanges(current: StructureFolder, before: StructureFolder, nowMs: number): void {
  const isSame =
    current.children.size === before.children.size &&
    [...current.children.keys()].every((name) => before.children.has(name));
  current.listedMs = isSame ? before.listedMs : Math.max(nowMs, before.changedMs + 1);
  current.changedMs = Math.max(current.changedMs, current.listedMs);
  for (const [name, child] of current.children) {
    const old = before.children.get(name);
    if (old !== undefined) noteListChanges(child, old, nowMs);
  }
}

/** The folder at a path below another, or undefined. */
export function folderAt(root: StructureFolder, path: string): StructureFolder | undefined {
  let folder: StructureFolder | undefined = root;
  if (path === '') return root;
  for (const level of path.split('/')) folder = folder?.children.get(level);
  return folder;
}
