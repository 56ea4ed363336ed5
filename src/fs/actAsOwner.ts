/**
 * Root's commands on somebody's store act as its owner: whatever names the owner has put there, root's command can do
 * no more to them than the owner could. Effective ids are used, so that the process can take its rights back; with
 * glibc they hold for all threads.
 */
import { lstatSync, statSync } from 'node:fs';

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Who acts now; null for the account that started the process. */
let actor: Owner | null = null;

/** process.initgroups() of Node's documentation, which its types lack. */
interface WithInitgroups {
  initgroups(uid: number, gid: number): void;
}

const MAY_MISS = { throwIfNoEntry: false } as const;

/** The owner of the first of these files and folders that is there and is not root's; null where there is none. */
function ownerOf(paths: readonly string[]): Owner | null {
  for (const path of paths) {
    for (const stats of [lstatSync(path, MAY_MISS), statSync(path, MAY_MISS)]) {
      if (stats !== undefined && stats.uid !== 0) return { uid: stats.uid, gid: stats.gid };
    }
  }
  return null;
}

/** Reports whether work in this store would run with other rights than those of the process now. */
export function actsAsOther(paths: readonly string[]): boolean {
  return process.geteuid?.() === 0 && ownerOf(paths) !== null;
}

function become({ uid, gid }: Owner): void {
  try {
    (process as unknown as WithInitgroups).initgroups(uid, gid);
  } catch {
    // The account is not in passwd(5).
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
 * Runs the work as the owner of the first of these files and folders that is not root's. Does no more than run it
 * for anybody but root, or where all is root's. One work at a time.
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

/** Becomes the owner as asOwnerOf does, for the rest of the process. */
export function becomeOwnerOf(paths: readonly string[]): void {
  const owner = process.geteuid?.() === 0 ? ownerOf(paths) : null;
  if (owner === null) return;
  become(owner);
  actor = owner;
}

/** Does one thing, which touches no file of the store, with the rights of the account that started the process. */
export function withOwnRights<T>(work: () => T): T {
  if (actor === null) return work();
  process.seteuid?.(0);
  try {
    return work();
  } finally {
    process.seteuid?.(actor.uid);
  }
}

/** For spawn(): starts another process with the ids of the account that started this one. */
export function ownIds(): { uid?: number; gid?: number } {
  return actor === null ? {} : { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
}
