/**
 * The thread that derives keys from passwords (PBKDF2): 30 ms of a processor each. In the thread pool they would stand before
 * the syncs of data files, for which masters wait; here they stand in nobody's way, and go after everybody else.
 */
import { pbkdf2Sync } from 'node:crypto';
import { setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import type { Derivation } from './deriver.ts';

const NICE = 5;

try {
  // On Linux: of this thread (sched(7)).
  setPriority(0, NICE);
} catch {
  // Then it shares the processor with the others.
}

parentPort?.on('message', ({ password, salt, iterations, keyBytes, hash }: Derivation) => {
  parentPort?.postMessage(pbkdf2Sync(password, salt, iterations, keyBytes, hash));
});
