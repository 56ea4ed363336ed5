/**
 * Collects the flags, dates and annotations that a destination does not take. Each combination of
 * item and reason is reported in one line, with its UIDs.
 */
import type { MailboxOutcome } from './outcome.ts';

export class FlagLosses {
  readonly #losses = new Map<string, { what: string; why: string; uids: Set<number> }>();

  add(flag: string, uid: number, why: string): void {
    this.addOther(`flag ${flag}`, uid, why);
  }

  /** Like `add`, for losses other than flags. */
  addOther(what: string, uid: number, why: string): void {
    const key = `${what} ${why}`;
    const loss = this.#losses.get(key);
    if (loss === undefined) this.#losses.set(key, { what, why, uids: new Set([uid]) });
    else loss.uids.add(uid);
  }

  /** Adds one failure per loss to the outcome, and clears the list. */
  report(outcome: MailboxOutcome): void {
    for (const { what, why, uids } of this.#losses.values()) {
      outcome.failures.push(`${what} left off (UID ${uidSet([...uids])}): ${why}`);
    }
    this.#losses.clear();
  }
}

/** Formats ascending UIDs as in IMAP: `1:3,7`. */
export function uidSet(uids: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const uid of uids) {
    const last = runs.at(-1);
    if (last !== undefined && uid === last[1] + 1) last[1] = uid;
    else runs.push([uid, uid]);
  }
  return runs.map(([first, last]) => (first === last ? String(first) : `${first}:${last}`)).join(',');
}
