/**
 * A log of faults that says each of them once: who searches a store with a damaged message, or without one of its disks, would fill
 * the log with one line over and over, and the kernel asks again by itself, page by page.
 */
import { LRUCache } from 'lru-cache';
import { messageOf } from '../src/errors.ts';
import { isWorthLogging } from './vfs/fsError.ts';

/** Of more different ones than this, those said longest ago may be said again. */
const KNOWN_LINES = 1000;
/** What goes on is not forgotten either. */
const SAID_AGAIN_MS = 24 * 3_600_000;

/** `what`: the operation that failed. Says nothing of errors that only concern who asked. */
export type FaultLog = (what: string, error: unknown) => void;

export function faultLog(log: (line: string) => void): FaultLog {
  const said = new LRUCache<string, true>({ max: KNOWN_LINES, ttl: SAID_AGAIN_MS });
  return (what, error) => {
    if (!isWorthLogging(error)) return;
    const message = messageOf(error);
    if (said.has(message)) return;
    said.set(message, true);
    log(`mount: ${what}: ${message}`);
  };
}
