/** The attributes that folders and small files of the tree have alike. */
import type { Attributes } from '../tree.ts';
import type { Owner } from './owner.ts';
import { UNNOTICED_VALID_MS } from './validity.ts';

/** From the year 1 to the end of 9999: programs print no others, or call them something else each. */
const [FIRST_S, LAST_S] = [-62_135_596_800, 253_402_300_799];

/** A time of a message or of the log (unix seconds), which may be any number, as a time of a file. */
export function fileTimeMs(seconds: number): number {
  return Math.min(LAST_S, Math.max(FIRST_S, seconds)) * 1000;
}

export interface Shape {
  readonly inode: bigint;
  readonly mtimeMs: number;
  readonly owner: Owner;
  /** UNNOTICED_VALID_MS where it is not given. */
  readonly validMs?: number;
}

/** Two links and one for each folder in it, where their number is known; else 1, which tells find to look for itself. */
export function folderAttributes(
  { inode, mtimeMs, owner, validMs = UNNOTICED_VALID_MS }: Shape,
  nlink = 1,
  mode = 0o500,
): Attributes {
  const times = { mtimeMs, ctimeMs: mtimeMs };
  return { kind: 'folder', inode, sizeBytes: 0, ...times, nlink, mode, ...ids(owner), validMs };
}

export function fileAttributes(
  { inode, mtimeMs, owner, validMs = UNNOTICED_VALID_MS }: Shape,
  sizeBytes: number,
): Attributes {
  const times = { mtimeMs, ctimeMs: mtimeMs };
  return {
    kind: 'file',
    inode,
    sizeBytes,
    ...times,
    nlink: 1,
    mode: 0o400,
    ...ids(owner),
    validMs,
  };
}

export function linkAttributes(
  { inode, mtimeMs, owner, validMs = UNNOTICED_VALID_MS }: Shape,
  target: Buffer,
): Attributes {
  const times = { mtimeMs, ctimeMs: mtimeMs };
  const sizeBytes = target.length;
  return {
    kind: 'link',
    inode,
    sizeBytes,
    ...times,
    nlink: 1,
    mode: 0o777,
    ...ids(owner),
    validMs,
  };
}

function ids({ uid, gid }: Owner): Owner {
  return { uid, gid };
}
