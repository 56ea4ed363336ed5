/**
 * The thread that derives keys from passwords (PBKDF2), which takes 30 ms of CPU each. In the
 * thread pool, these derivations would delay the syncs of data files, for which masters wait. A
 * separate thread delays nobody, and runs at a lower priority.
 */
import { pbkdf2Sync } from 'node:crypto';
import { setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import type { Derivation } from './deriver.ts';

const NICE = 5;

try {
  // On Linux this changes only this thread (sched(7)).
  setPriority(0, NICE);
} catch {
  // If this fails, the thread runs at normal priority.
}

parentPort?.on('message', ({ password, salt, iterations, keyBytes, hash }: Derivation) => {
  parentPort?.postMessage(pbkdf2Sync(password, salt, iterations, keyBytes, hash));
});
