/**
 * Detects a clock that was ahead, from a backup's own timestamps. Lines never go back in time. So
 * all lines after one that was written while the clock was ahead get that line's time. This lasts
 * until the clock has caught up or `ctl_backups retime` has corrected the backup.
 */
import type { IndexFile } from '../index/store/indexFile.ts';
import { horizon } from '../index/queries/horizon.ts';
import { lastTimestamp } from '../index/queries/current.ts';
import { firstTimestamp } from '../index/queries/views.ts';
import { BackupError } from '../errors.ts';
import { timestampText, nowSeconds } from '../mailbox/timestamp.ts';

/** Clocks of one site may differ by this much without harm. */
const TOLERANCE_SECONDS = 300;

export function isInFuture(time: number | null, nowS = nowSeconds()): time is number {
  return time !== null && time > nowS + TOLERANCE_SECONDS;
}

/** Returns the warning about a last line that is in the future. */
export function futureNote(time: number): string {
  return (
    `its last line is of ${timestampText(time)}, in the future: the clock was ahead, and everything since has that time: ` +
    'see ctl_backups retime'
  );
}

/** Returns futureNote() if the backup's last line is in the future, else null. */
export function futureNoteOf(index: IndexFile): string | null {
  const last = lastTimestamp(index);
  return isInFuture(last) ? futureNote(last) : null;
}

/**
 * Returns the timestamp from which on everything is known: that of the first line, or the horizon
 * of a compaction. Returns null if there is none.
 */
export function knownSince(index: IndexFile): number | null {
  const compacted = horizon(index);
  return compacted === 0 ? firstTimestamp(index) : compacted;
}

/**
 * Throws 'not-found' if the backup does not reach back to `time`. `who`: the backup's owner, for
 * the message.
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
