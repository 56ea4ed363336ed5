/** The inodes of a simulated disk, and stats of them in the form of node:fs. */
import type { ExactFileStats, FileStats } from '../../../src/fs/disk/disk.ts';
import { FileContent } from './content.ts';

export interface Inode {
  readonly ino: number;
  readonly kind: 'file' | 'folder';
  readonly content: FileContent;
  mode: number;
  uid: number;
  gid: number;
  modifiedNs: bigint;
  accessedNs: bigint;
  changedNs: bigint;
  readonly bornNs: bigint;
  /** Number of names. */
  links: number;
  /** Number of descriptors. */
  users: number;
  /** Descriptors that hold a lock: 'process' for one of the whole process. */
  readonly locks: Map<number | 'process', 'read' | 'write'>;
}

export function makeInode(
  ino: number,
  kind: Inode['kind'],
  mode: number,
  nowNs: bigint,
  bytes?: Buffer,
): Inode {
  return {
    ino,
    kind,
    content: new FileContent(bytes),
    mode,
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
    modifiedNs: nowNs,
    accessedNs: nowNs,
    changedNs: nowNs,
    bornNs: nowNs,
    links: 1,
    users: 0,
    locks: new Map(),
  };
}

const kindOf = (kind: Inode['kind']) => ({
  isFile: () => kind === 'file',
  isDirectory: () => kind === 'folder',
  isSymbolicLink: () => false,
  isSocket: () => false,
  isFIFO: () => false,
});

const toMs = (ns: bigint): number => Number(ns) / 1e6;
const TYPE_BITS = { file: 0o100000, folder: 0o040000 } as const;

export function statsOf(inode: Inode, dev: number): FileStats {
  const { ino, kind, mode, uid, gid, content } = inode;
  return {
    dev,
    ino,
    mode: TYPE_BITS[kind] | mode,
    nlink: kind === 'folder' ? 2 : inode.links,
    uid,
    gid,
    size: content.size,
    mtimeMs: toMs(inode.modifiedNs),
    ctimeMs: toMs(inode.changedNs),
    ...kindOf(kind),
  };
}

export function exactStatsOf(inode: Inode, dev: number): ExactFileStats {
  const { ino, kind, mode, uid, gid, content } = inode;
  return {
    dev: BigInt(dev),
    ino: BigInt(ino),
    mode: BigInt(TYPE_BITS[kind] | mode),
    nlink: BigInt(kind === 'folder' ? 2 : inode.links),
    uid: BigInt(uid),
    gid: BigInt(gid),
    size: BigInt(content.size),
    atimeNs: inode.accessedNs,
    mtimeNs: inode.modifiedNs,
    ctimeNs: inode.changedNs,
    birthtimeNs: inode.bornNs,
    ...kindOf(kind),
  };
}

export function entryOf(name: string, kind: Inode['kind']) {
  return { name, ...kindOf(kind) };
}

/** Takes a lock for a descriptor, or for the process. Returns false if another owner has one. */
export function takeLock({ locks }: Inode, owner: number | 'process', type: 'read' | 'write'): boolean {
  const others = [...locks].filter(([other]) => other !== owner);
  if (others.some(([, held]) => held === 'write' || type === 'write')) return false;
  locks.set(owner, type);
  return true;
}
