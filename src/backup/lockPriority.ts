/**
 * Raises a process's scheduling priority while it holds a lock that a master waits for. At low
 * priority, every CPU-bound process would run before the lock's holder, and the master would wait
 * for all of them.
 *
 * Work under such a lock therefore runs at the priority of backupd (build/systemd/backupd.service),
 * if the process may raise its own priority. This is allowed for root, and for a process with a
 * `LimitNICE` of that value (setrlimit(2), RLIMIT_NICE).
 */
import { getPriority, setPriority } from 'node:os';
import { withOwnRights } from '../fs/actAsOwner.ts';
import { disk } from '../fs/disk/current.ts';
import { LockedFile } from '../fs/lockedFile.ts';
import type { AcquireOptions } from '../fs/lockedFile.ts';

/** The nice(1) value of backupd. */
export const BACKUPD_PRIORITY = -10;

/**
 * Sets the priority of each thread of a process, because on Linux every thread has its own
 * (sched(7)). Skips threads whose priority may not be changed.
 */
export function setThreads(pid: number | 'self', priority: number): void {
  for (const thread of disk.readdir(`/proc/${pid}/task`)) {
    try {
      setPriority(Number(thread), priority);
    } catch {
      // The thread has ended, or its priority may not be changed.
    }
  }
}

/**
 * Runs `work` under the data file's lock, at backupd's priority. Throws the errors of
 * LockedFile.acquire() and of `work`.
 */
export async function whileLocked<T>(
  path: string,
  lock: AcquireOptions,
  work: (file: LockedFile) => Promise<T>,
): Promise<T> {
  const file = await LockedFile.acquire(path, lock);
  const usual = getPriority();
  const hasLockPriority = usual > BACKUPD_PRIORITY;
  try {
    if (hasLockPriority) withOwnRights(() => setThreads('self', BACKUPD_PRIORITY));
    return await work(file);
  } finally {
    file.release();
    if (hasLockPriority) setThreads('self', usual);
  }
}
