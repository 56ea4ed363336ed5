/**
 * Raises a process's scheduling priority while it holds a lock that a master waits for. At low
 * priority, such a process would let every CPU-bound process run first, and the master would wait
 * for all of them.
 *
 * Work under such a lock therefore runs at the priority of backupd (build/systemd/backupd.service),
 * if the process may raise its own. Root may, and so may a process with a `LimitNICE` of that value
 * (setrlimit(2), RLIMIT_NICE).
 */
import { readdirSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import { withOwnRights } from '../fs/actAsOwner.ts';
import { LockedFile } from '../fs/lockedFile.ts';
import type { AcquireOptions } from '../fs/lockedFile.ts';

/** The nice(1) value of backupd. */
export const BACKUPD_PRIORITY = -10;

/**
 * Sets the priority of each thread: on Linux every thread has its own (sched(7)). Threads that may
 * not be changed are skipped.
 */
export function setThreads(pid: number | 'self', priority: number): void {
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      setPriority(Number(thread), priority);
    } catch {
      // The thread has ended, or its priority may not be changed.
    }
  }
}

/** Runs `work` under the data file's lock. Throws what LockedFile.acquire() and `work` throw. */
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
