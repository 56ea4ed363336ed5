/**
 * Decides which flags a folder accepts: those that the server announces (PERMANENTFLAGS), except
 * those that it has refused since then. The message is sent in any case; flags that are left off
 * are reported.
 */
import { FlagLosses } from '../report/flagLosses.ts';
import type { MailboxOutcome } from '../report/outcome.ts';

const SYSTEM = new Set(['\\seen', '\\answered', '\\flagged', '\\deleted', '\\draft']);
/** The characters that a keyword may have in a command (RFC 9051, flag-keyword: an atom). */
const KEYWORD = /^[^\x00-\x20\x7f-\uffff(){%*"\\\]]+$/;

export class FlagFilter {
  /**
   * The announced flags: a map from lower-case names to the server's spelling; undefined if the
   * server does not announce them.
   */
  #permanent: ReadonlyMap<string, string> | undefined;
  readonly #refused = new Map<string, string>();
  readonly #losses = new FlagLosses();

  /** Takes the PERMANENTFLAGS of a SELECT. */
  learn(permanentFlags: ReadonlySet<string> | undefined): void {
    this.#permanent =
      permanentFlags === undefined
        ? undefined
        : new Map([...permanentFlags].map((flag) => [flag.toLowerCase(), flag]));
  }

  /** Returns the flags to send. The others are recorded as lost. */
  taken(flags: readonly string[], uid: number): string[] {
    return flags.flatMap((flag) => {
      if (flag.toLowerCase() === '\\recent') return [];
      const why = this.#whyNot(flag);
      if (why === undefined) return [this.#permanent?.get(flag.toLowerCase()) ?? flag];
      this.#losses.add(flag, uid, why);
      return [];
    });
  }

  /** Records a flag that the server has refused; it is not tried again. */
  refuse(flag: string, uid: number, why: string): void {
    this.#refused.set(flag.toLowerCase(), why);
    this.#losses.add(flag, uid, why);
  }

  /** Records a flag as lost for this message only. */
  lose(flag: string, uid: number, why: string): void {
    this.#losses.add(flag, uid, why);
  }

  report(outcome: MailboxOutcome): void {
    this.#losses.report(outcome);
  }

  #whyNot(flag: string): string | undefined {
    const folded = flag.toLowerCase();
    const refused = this.#refused.get(folded);
    if (refused !== undefined) return refused;
    const permanent = this.#permanent;
    if (permanent?.has(folded) === true) return undefined;
    if (flag.startsWith('\\') && !SYSTEM.has(folded)) return 'the server has no such system flag';
    if (!flag.startsWith('\\') && !KEYWORD.test(flag)) return 'IMAP cannot carry this keyword';
    if (permanent === undefined || permanent.has('\\*')) return undefined;
    return 'the server does not keep it (PERMANENTFLAGS)';
  }
}

export function isKeyword(flag: string): boolean {
  return !flag.startsWith('\\');
}
