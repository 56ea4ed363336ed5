/**
 * POSIX record locks on whole files. Cyrus takes the same locks on data files and on backups.db
 * (cyrus-imapd lib/lock_fcntl.c), so the original tools and this project exclude each other. Node
 * has no call for these locks, so koffi calls fcntl(2). The original tools would not see flock(2).
 *
 * THE TRAP: a POSIX lock belongs to the process, not to the descriptor. Closing ANY descriptor of a
 * file drops every lock that the process holds on it. Two opens within one process never conflict.
 * Therefore:
 *
 * - In a process that may hold a data file's lock, no code opens and closes that file directly. It
 *   uses LockedFile and SharedRead of lockedFile.ts, which keep one registry of descriptors per
 *   process.
 * - backups.db is locked only within one synchronous call (catalog/twoskip/database.ts), so no
 *   other code can run in between.
 * - Worker threads share the process and its locks, but not the registry. Only one thread may open
 *   data files that any thread locks.
 *
 * Read-only code uses another kind of lock, which belongs to the open file description
 * (fcntl_locking(2), "Open file description locks"; Linux 3.15). These locks and those of the
 * original tools exclude each other, and each thread of a process may hold its own.
 */
import { disk } from './disk/current.ts';
import type { LockOwner, LockType } from './disk/disk.ts';

const FIRST_PAUSE_MS = 1;
const LONGEST_PAUSE_MS = 100;
const PAUSE_GROWTH = 1.14;

/**
 * Tries to take the lock without waiting, and returns whether it did. A write lock needs a
 * descriptor that is open for writing.
 */
export function tryLock(fd: number, type: LockType, owner: LockOwner = 'process'): boolean {
  return disk.tryLock(fd, type, owner);
}

export function unlock(fd: number, owner: LockOwner = 'process'): void {
  disk.unlock(fd, owner);
}

/**
 * Returns the process that blocks a write lock. null: nobody does, or the holder is a descriptor
 * lock, which has no process. Locks of this process are never reported.
 */
export function lockHolder(fd: number): number | null {
  return disk.lockHolder(fd);
}

export interface LockWait {
  /** The longest wait. By default, the wait is unlimited. */
  timeoutMs?: number;
  /**
   * The longest pause between two attempts; 100 by default. Lower it to get a lock soon after its
   * release.
   */
  longestPauseMs?: number;
  signal?: AbortSignal;
}

/**
 * Returns the next pause, which grows from 1 ms to 100 ms. So waiting for a short lock adds little
 * delay, and waiting for a long one costs little CPU.
 *
 * A lock that is released during a pause is taken at the end of that pause. The pause grows slowly,
 * so that a wait is at most a seventh longer than the hold.
 */
export function nextPauseMs(pauseMs: number, longestMs = LONGEST_PAUSE_MS): number {
  return Math.min(pauseMs * PAUSE_GROWTH, longestMs);
}

/** Calls `attempt` until it returns a value other than null. Returns null when the time is up. */
export async function pollUntil<T>(attempt: () => T | null, wait: LockWait): Promise<T | null> {
  const endMs = wait.timeoutMs === undefined ? Infinity : performance.now() + wait.timeoutMs;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = nextPauseMs(pauseMs, wait.longestPauseMs)) {
    wait.signal?.throwIfAborted();
    const result = attempt();
    if (result !== null) return result;
    const leftMs = endMs - performance.now();
    if (leftMs <= 0) return null;
    await pause(Math.min(pauseMs, leftMs), wait.signal);
  }
}

/**
 * Waits for a lock by polling, because F_SETLKW would block a pool thread and could not be
 * cancelled.
 */
export async function lockWait(fd: number, type: LockType, wait: LockWait = {}): Promise<boolean> {
  return (await pollUntil(() => (tryLock(fd, type) ? true : null), wait)) ?? false;
}

/**
 * Waits without yielding to the event loop. Use it only for locks that every holder keeps for
 * milliseconds.
 */
export function lockSync(
  fd: number,
  type: LockType,
  timeoutMs: number,
  owner: LockOwner = 'process',
): boolean {
  const endMs = performance.now() + timeoutMs;
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  for (let pauseMs = FIRST_PAUSE_MS; !tryLock(fd, type, owner); pauseMs = nextPauseMs(pauseMs)) {
    if (performance.now() >= endMs) return false;
    Atomics.wait(sleeper, 0, 0, pauseMs);
  }
  return true;
}

function pause(durationMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, durationMs);
    signal?.addEventListener('abort', done, { once: true });
  });
}
