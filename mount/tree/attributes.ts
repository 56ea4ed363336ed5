/** The attributes common to folders and small files of the tree. */
import type { Attributes } from '../vfs/tree.ts';
import type { Owner } from './owner.ts';
import { UNNOTICED_VALID_MS } from './validity.ts';

/** The years 1 to 9999. Programs cannot print other years, or they print them in different ways. */
const [FIRST_S, LAST_S] = [-62_135_596_800, 253_402_300_799];

/** Converts the time of a message or of a log line (unix seconds, any number) to a file time. */
export function fileTimeMs(seconds: number): number {
  return Math.min(LAST_S, Math.max(FIRST_S, seconds)) * 1000;
}

export interface Shape {
  readonly inode: bigint;
  readonly mtimeMs: number;
  readonly owner: Owner;
  /** How long the kernel may cache the attributes. The default is UNNOTICED_VALID_MS. */
  readonly validMs?: number;
}

/**
 * Returns a folder's attributes. The link count is 2 plus the number of subfolders, if that number
 * is known. Otherwise the link count is 1, which tells find(1) not to rely on it.
 */
export function folderAttributes(
  { inode, mtimeMs, owner, validMs = UNNOTICED_VALID_MS }: Shape,
  nlink = 1,
  mode = owner.folderMode,
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
    mode: owner.fileMode,
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

function ids({ uid, gid }: Owner): { uid: number; gid: number } {
  return { uid, gid };
}
