/**
 * The account on whose behalf the kernel asks. The kernel checks permissions itself, but it answers
 * stat(2) for every name that it can look up. So where names are secret, the lookup must depend on
 * the caller.
 */
import { disk } from '../../../src/fs/disk/current.ts';
import type { Attributes } from '../../vfs/tree.ts';

export interface Caller {
  readonly uid: number;
  readonly gid: number;
  readonly pid: number;
}

/** Reads the caller from the header of a request (struct fuse_in_header). */
export function callerOf(request: Buffer): Caller {
  return { uid: request.readUInt32LE(24), gid: request.readUInt32LE(28), pid: request.readUInt32LE(32) };
}

/** Reports whether the caller may list or pass through the folder. */
export function mayUse(caller: Caller, { uid, gid, mode }: Attributes): boolean {
  if (caller.uid === 0 || caller.uid === uid) return true;
  if ((mode & 0o005) !== 0) return true;
  return (mode & 0o050) !== 0 && (caller.gid === gid || groupsOf(caller.pid).includes(gid));
}

/** Returns the supplementary groups of a process; none if it has ended. */
function groupsOf(pid: number): number[] {
  try {
    const status = disk.readFile(`/proc/${pid}/status`).toString('latin1');
    const [, groups = ''] = /^Groups:[ \t]*([\d ]*)$/m.exec(status) ?? [];
    return groups.split(' ').flatMap((text) => (text === '' ? [] : [Number(text)]));
  } catch {
    return [];
  }
}
