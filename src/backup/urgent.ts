/**
 * A process that is told to take its time must not take it while it holds a lock that a master waits for: whatever only computes would have its
 * turn before the master has its. Therefore what is done under such a lock is done with backupd's own priority (build/systemd/backupd.service), where the process
 * may give itself one: root may, and whoever has a `LimitNICE` of it (setrlimit(2), RLIMIT_NICE).
 */
import { readdirSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';

/** nice(1) of backupd. */
const URGENT = -10;

/** On Linux each thread has a priority of its own (sched(7)). */
function setThreads(priority: number): void {
  for (const thread of readdirSync('/proc/self/task')) {
    try {
      setPriority(Number(thread), priority);
    } catch {
      // It has ended, or may not.
    }
  }
}

/** From here until the answered function is called, which may be done again. */
export function beginUrgent(): () => void {
  const usual = getPriority();
  if (usual <= URGENT) return () => undefined;
  try {
    setPriority(URGENT);
  } catch {
    return () => undefined;
  }
  setThreads(URGENT);
  return () => setThreads(usual);
}
