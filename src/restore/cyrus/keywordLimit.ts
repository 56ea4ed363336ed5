/**
 * Keeps a mailbox of a Cyrus server within its maximum number of keywords (cyrus-imapd
 * imap/mailbox.h, MAX_USER_FLAGS). If APPLY or RESTORE MAILBOX exceeds this number, the server
 * process aborts, and the mailbox stays as it was. The keywords that most living messages have are
 * kept. The other keywords are left off and reported.
 */
import { FlagLosses } from '../report/flagLosses.ts';
import type { MailboxOutcome } from '../report/outcome.ts';

const MOST_KEYWORDS = 128;

interface Flagged {
  readonly uid: number;
  readonly flags: string;
  readonly expunged?: number | null;
}

export class KeywordLimit {
  /**
   * The keywords that fit, in lower case, as Cyrus compares keywords without case. Undefined if all
   * of them fit.
   */
  readonly #allowed: ReadonlySet<string> | undefined;
  readonly #losses = new FlagLosses();
  readonly #why: string;

  /**
   * `there`: what the mailbox holds on the server. `isCautious`: the mailbox may have used up its
   * keywords for messages that no longer exist, which the server does not report. Then no new
   * keywords are sent.
   */
  constructor(there: Iterable<Flagged>, wanted: Iterable<Flagged>, isCautious = false) {
    const used = new Set<string>();
    for (const { flags } of there) for (const keyword of keywordsOf(flags)) used.add(keyword);
    const counts = new Map<string, number>();
    for (const { flags, expunged } of wanted) {
      const weight = expunged == null ? 1 : 0;
      for (const keyword of keywordsOf(flags))
        if (!used.has(keyword)) counts.set(keyword, (counts.get(keyword) ?? 0) + weight);
    }
    const room = isCautious ? 0 : Math.max(0, MOST_KEYWORDS - used.size);
    this.#why = isCautious
      ? 'the server failed with new keywords: the mailbox may have had 128 before'
      : `a mailbox of Cyrus holds ${MOST_KEYWORDS} keywords`;
    if (counts.size <= room) return;
    const order = [...counts].toSorted(([a, one], [b, other]) => other - one || (a < b ? -1 : 1));
    this.#allowed = new Set([...used, ...order.slice(0, room).map(([keyword]) => keyword)]);
  }

  /** Returns the record with only the keywords that fit. */
  limited<T extends Flagged>(record: T): T {
    const allowed = this.#allowed;
    if (allowed === undefined) return record;
    const flags = record.flags.split(' ').filter((flag) => {
      const isKept = flag.startsWith('\\') || allowed.has(flag.toLowerCase());
      if (!isKept) this.#losses.add(flag, record.uid, this.#why);
      return isKept;
    });
    return { ...record, flags: flags.join(' ') };
  }

  report(outcome: MailboxOutcome): void {
    this.#losses.report(outcome);
  }
}

export function hasKeywords(records: Iterable<Flagged>): boolean {
  for (const { flags } of records) if (keywordsOf(flags).length > 0) return true;
  return false;
}

function keywordsOf(flags: string): string[] {
  return flags
    .split(' ')
    .filter((flag) => flag !== '' && !flag.startsWith('\\'))
    .map((flag) => flag.toLowerCase());
}
