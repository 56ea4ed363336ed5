/**
 * Flags, dates, annotations that a destination does not take: counted by what it is and why, and
 * reported in one line each, with the UIDs.
 */
import type { MailboxOutcome } from './outcome.ts';

export class FlagLosses {
  readonly #losses = new Map<string, { what: string; why: string; uids: Set<number> }>();

  add(flag: string, uid: number, why: string): void {
    this.addOther(`flag ${flag}`, uid, why);
  }

  /** As add, for what is no flag. */
  addOther(what: string, uid: number, why: string): void {
    const key = `${what} ${why}`;
    const loss = this.#losses.get(key);
    if (loss === undefined) this.#losses.set(key, { what, why, uids: new Set([uid]) });
    else loss.uids.add(uid);
  }

  /** Adds a failure for each flag, and forgets them. */
  report(outcome: MailboxOutcome): void {
    for (const { what, why, uids } of this.#losses.values()) {
      outcome.failures.push(`${what} left off (UID ${uidSet([...uids])}): ${why}`);
    }
    this.#losses.clear();
  }
}

/** `1:3,7`, as in IMAP. `uids` ascend. */
export function uidSet(uids: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const uid of uids) {
    const last = runs.at(-1);
    if (last !== undefined && uid === last[1] + 1) last[1] = uid;
    else runs.push([uid, uid]);
  }
  return runs.map(([first, last]) => (first === last ? String(first) : `${first}:${last}`)).join(',');
}
