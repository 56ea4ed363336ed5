/**
 * Finds the flags that were changed between two times. Each flag counts by itself: one that changed
 * again since, in the backup or on the server, is left as it is.
 */
import { recordsPage } from '../../index/queries/records.ts';
import { recordVersionsSince } from '../../index/queries/past/history.ts';
import type { RestoreSource, SourceRecord } from '../../restore/source.ts';
import type { SpannedMailbox, Span } from './times.ts';

export interface FlagChange {
  readonly record: SourceRecord;
  /** Flags to be set again, and flags to be removed. In the case in which they were found. */
  readonly lost: readonly string[];
  readonly gained: readonly string[];
}

const PAGE_RECORDS = 1000;

export function changedFlags(
  source: RestoreSource,
  { before, after }: SpannedMailbox,
  { from, to }: Span,
): FlagChange[] {
  if (after === undefined) return [];
  const { index } = source.reader;
  const changes: FlagChange[] = [];
  const range = { mailboxId: before.id, shown: 'living', limit: PAGE_RECORDS } as const;
  let last = 0;
  for (;;) {
    const then = recordsPage(index, { ...range, time: from, afterUid: last });
    const lastUid = then.at(-1)?.uid ?? last;
    const later = new Map(
      recordsPage(index, { ...range, time: to, afterUid: last }).map((record) => [record.uid, record]),
    );
    for (const record of then) {
      const other = later.get(record.uid);
      if (other === undefined || other.flags === record.flags) continue;
      const [old, now] = [flagsOf(record.flags), flagsOf(other.flags)];
      const since = recordVersionsSince(index, before.id, record.uid, to).map(({ flags }) => flagsOf(flags));
      const isSettled = (flag: string, isSet: boolean): boolean =>
        since.every((each) => each.has(flag) === isSet);
      const lost = [...old].flatMap(([key, flag]) => (now.has(key) || !isSettled(key, false) ? [] : [flag]));
      const gained = [...now].flatMap(([key, flag]) => (old.has(key) || !isSettled(key, true) ? [] : [flag]));
      if (lost.length + gained.length > 0) changes.push({ record: other, lost, gained });
    }
    if (then.length < PAGE_RECORDS) return changes;
    last = lastUid;
  }
}

/** Returns flags by their lower-case names. Flags are compared without case (RFC 9051). */
function flagsOf(flags: string): Map<string, string> {
  const names = flags.split(' ').filter((flag) => flag !== '');
  return new Map(names.map((flag) => [flag.toLowerCase(), flag]));
}

/** Returns a record's flags with the change taken back. */
export function withoutChange(flags: string, { lost, gained }: FlagChange): string {
  const live = flagsOf(flags);
  for (const flag of gained) live.delete(flag.toLowerCase());
  for (const flag of lost) if (!live.has(flag.toLowerCase())) live.set(flag.toLowerCase(), flag);
  return [...live.values()].join(' ');
}
