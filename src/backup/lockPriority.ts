/**
 * A process that is told to take its time must not take it while it holds a lock that a master waits for: whatever only computes would have its
 * turn before the master has its. Therefore what is done under such a lock is done with backupd's own priority (build/systemd/backupd.service), where the process
 * may give itself one: root may, and whoever has a `LimitNICE` of it (setrlimit(2), RLIMIT_NICE).
 */
import { readdirSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import { withOwnRights } from '../fs/actAsOwner.ts';
import { LockedFile } from '../fs/lockedFile.ts';
import type { AcquireOptions } from '../fs/lockedFile.ts';

/** The nice(1) of backupd. */
export const BACKUPD_PRIORITY = -10;

/** On Linux each thread of a process has a priority of its own (sched(7)). What may not be, is not. */
export function setThreads(pid: number | 'self', priority: number): void {
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      setPriority(Number(thread), priority);
    } catch {
      // It has ended, or may not.
    }
  }
}

/** Runs the work under the data file's lock. Throws what LockedFile.acquire and the work throw. */
export async function whileLocked<T>(
  path: string,
  lock: AcquireOptions,
  work: (file: LockedFile) => Promise<T>,
): Promise<T> {
  const file = await LockedFile.acquire(path, lock);
  const usual = getPriority();
  const isUrgent = usual > BACKUPD_PRIORITY;
  try {
    if (isUrgent) withOwnRights(() => setThreads('self', BACKUPD_PRIORITY));
    return await work(file);
  } finally {
    file.release();
    if (isUrgent) setThreads('self', usual);
  }
}
