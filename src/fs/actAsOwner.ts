/**
 * Lets commands that root runs on a store act as the store's owner. Such a command can then do only
 * what the owner could do, even if the owner has put links or other traps into the store.
 *
 * Only the effective ids change, so the process can regain its rights. With glibc, the ids apply to
 * all threads.
 */
import { disk } from './disk/current.ts';

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** The owner that the process acts as; null for the account that started the process. */
let actor: Owner | null = null;

/** Node documents process.initgroups(), but its types lack it. */
interface WithInitgroups {
  initgroups(uid: number, gid: number): void;
}

/**
 * Returns the owner of the first of these paths that exists and does not belong to root; null if
 * there is none.
 */
function ownerOf(paths: readonly string[]): Owner | null {
  for (const path of paths) {
    for (const stats of [disk.lstat(path), disk.stat(path)]) {
      if (stats !== undefined && stats.uid !== 0) return { uid: stats.uid, gid: stats.gid };
    }
  }
  return null;
}

/**
 * Reports whether work in this store would run with rights other than the process's current ones.
 */
export function actsAsOther(paths: readonly string[]): boolean {
  return process.geteuid?.() === 0 && ownerOf(paths) !== null;
}

function become({ uid, gid }: Owner): void {
  try {
    (process as unknown as WithInitgroups).initgroups(uid, gid);
  } catch {
    // The owner has no account in passwd(5), so only its group is set.
    process.setgroups?.([gid]);
  }
  process.setegid?.(gid);
  process.seteuid?.(uid);
}

function returnToRoot(groups: number[]): void {
  process.seteuid?.(0);
  process.setegid?.(process.getgid?.() ?? 0);
  process.setgroups?.(groups);
}

/**
 * Runs the work as the owner of the first of these paths that does not belong to root. If the
 * process is not root, or everything belongs to root, it just runs the work. Only one call may be
 * active at a time.
 */
export async function asOwnerOf<T>(paths: readonly string[], work: () => Promise<T>): Promise<T> {
  const groups = process.getgroups?.() ?? [];
  becomeOwnerOf(paths);
  try {
    return await work();
  } finally {
    if (actor !== null) returnToRoot(groups);
    actor = null;
  }
}

/** Becomes the owner, as asOwnerOf does, for the rest of the process's life. */
export function becomeOwnerOf(paths: readonly string[]): void {
  const owner = process.geteuid?.() === 0 ? ownerOf(paths) : null;
  if (owner === null) return;
  become(owner);
  actor = owner;
}

/**
 * Runs the work with the rights of the account that started the process. The work must not touch
 * files of the store.
 */
export function withOwnRights<T>(work: () => T): T {
  if (actor === null) return work();
  process.seteuid?.(0);
  try {
    return work();
  } finally {
    process.seteuid?.(actor.uid);
  }
}

/** Options for spawn(): the child gets the ids of the account that started this process. */
export function ownIds(): { uid?: number; gid?: number } {
  return actor === null ? {} : { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
}
