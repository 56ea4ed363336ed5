/**
 * The disk that this thread's file operations go to. It is the real one, except in tests that put
 * another in its place. SQLite opens its files itself and is not affected.
 */
import type { Disk } from './disk.ts';
import { realDisk } from './realDisk.ts';

/** Import this binding, and do not copy it: useDisk changes it. */
export let disk: Disk = realDisk;

/** Replaces the disk, for tests and the simulator. Returns the one before. */
export function useDisk(next: Disk): Disk {
  const before = disk;
  disk = next;
  return before;
}
