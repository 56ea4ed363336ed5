/**
 * Detects from a backup's own timestamps that the clock was ahead. Timestamps of lines never
 * decrease. All lines after a line with a time in the future therefore get that same time. This
 * lasts until the clock has caught up, or until `ctl_backups retime` has corrected the backup.
 */
import type { IndexFile } from '../index/store/indexFile.ts';
import { horizon } from '../index/queries/horizon.ts';
import { firstTimestamp, lastTimestamp } from '../index/queries/timestamps.ts';
import { BackupError } from '../errors.ts';
import { timestampText, nowSeconds } from '../mailbox/timestamp.ts';

/** The clocks of a site's servers may differ by this much without harm. */
const TOLERANCE_SECONDS = 300;

export function isInFuture(time: number | null, nowS = nowSeconds()): time is number {
  return time !== null && time > nowS + TOLERANCE_SECONDS;
}

/** Returns a warning that the backup's last line has a time in the future. */
export function futureNote(time: number): string {
  return (
    `its last line is of ${timestampText(time)}, in the future: the clock was ahead, and everything since has that time: ` +
    'see ctl_backups retime'
  );
}

/** Returns the warning if the backup's last line has a time in the future, else null. */
export function futureNoteOf(index: IndexFile): string | null {
  const last = lastTimestamp(index);
  return isInFuture(last) ? futureNote(last) : null;
}

/**
 * Returns the time from which the backup's history is complete: the horizon of a compaction, or
 * else the time of the first line. Returns null if the backup is empty.
 */
export function knownSince(index: IndexFile): number | null {
  const compacted = horizon(index);
  return compacted === 0 ? firstTimestamp(index) : compacted;
}

/**
 * Throws 'not-found' if the backup's history does not reach back to `time`. `who`: the backup's
 * owner, for the message.
 */
export function requireKnown(index: IndexFile, time: number, who: string): void {
  const first = knownSince(index);
  if (first !== null && time >= first) return;
  const begins =
    first === null
      ? `the backup of ${who} is empty`
      : horizon(index) === 0
        ? `the backup of ${who} begins ${timestampText(first)}`
        : `the backup of ${who} begins ${timestampText(first)}, what was before has been compacted away`;
  throw new BackupError('not-found', `${begins}: nothing is known of ${timestampText(time)}`, {
    subject: who,
  });
}
