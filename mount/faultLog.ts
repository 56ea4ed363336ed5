/**
 * A fault log that does not repeat a line within a day. Without this limit, a search through a
 * store with a damaged message or a missing disk would fill the log with copies of the same line.
 * The kernel also repeats a failed read by itself, once per page.
 */
import { LRUCache } from 'lru-cache';
import { messageOf } from '../src/errors.ts';
import { isWorthLogging } from './vfs/fsError.ts';

/** The log remembers this many different lines. An older line may be logged again. */
const KNOWN_LINES = 1000;
/** If a fault persists, its line is logged again after this time. */
const SAID_AGAIN_MS = 24 * 3_600_000;

/**
 * Logs an error. `what` names the operation that failed. Errors that concern only the request are
 * not logged.
 */
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
