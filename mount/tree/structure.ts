/** A user's mailboxes as folders in folders: a mailbox may have folders in it, and a folder need be no mailbox. */
import { fileTimeMs } from './attributes.ts';
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
  /** When anything in it changed last, by the log (unix seconds); and a hash of what all in it is, below a million. */
  changed: number;
  hash: number;
  /** Both in one, in milliseconds: what happens within one second is told apart by the hash. */
  readonly changedMs: number;
}

/** A mailbox that was there until a time (unix seconds). */
export interface DepartedMailbox {
  readonly path: readonly string[];
  readonly until: number;
}

/** The time of a folder follows from the log alone, so it is the same after a remount: also where a folder in it is gone. */
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

/** In the folder that it was in, or what is left of those above that. */
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

/** A prime, so that each mailbox counts with another factor, and what one gains does not make up for what another loses. */
const HASHES = 999_983;

/** An EXPUNGE of old masters moves no modseq, but the checksum. */
function hashOf({ id, highestmodseq, crc = 0 }: ViewMailbox): number {
  const state = (BigInt(highestmodseq) * 7919n + BigInt(crc) + 1n) % BigInt(HASHES);
  return Number((state * (BigInt(id) * 104_729n + 7919n)) % BigInt(HASHES));
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

/** The folder at a path below another, or undefined. */
export function folderAt(root: StructureFolder, path: string): StructureFolder | undefined {
  let folder: StructureFolder | undefined = root;
  if (path === '') return root;
  for (const level of path.split('/')) folder = folder?.children.get(level);
  return folder;
}
