/**
 * What a backup's own timestamps say of the clock. Lines never go back in time, so one that was written while the clock was ahead
 * holds all later ones at its time, until the clock has caught up with it or `ctl_backups retime` has mended the backup.
 */
import type { IndexFile } from '../index/indexFile.ts';
import { horizon } from '../index/horizon.ts';
import { lastMoment } from '../index/queries.ts';
import { firstMoment } from '../index/viewQueries.ts';
import { BackupError } from '../errors.ts';
import { momentText, nowSeconds } from '../mailbox/moment.ts';

/** Clocks of a site differ by this much without anybody minding. */
const TOLERANCE_SECONDS = 300;

export function isInFuture(time: number | null, nowS = nowSeconds()): time is number {
  return time !== null && time > nowS + TOLERANCE_SECONDS;
}

/** For a person, about a last line that is in the future. */
export function futureNote(time: number): string {
  return (
    `its last line is of ${momentText(time)}, in the future: the clock was ahead, and everything since has that time: ` +
    'see ctl_backups retime'
  );
}

/** futureNote where the backup needs it, else null. */
export function futureNoteOf(index: IndexFile): string | null {
  const last = lastMoment(index);
  return isInFuture(last) ? futureNote(last) : null;
}

/** The first timestamp of which everything is known: the first line, or the horizon of a compaction. null: of none. */
export function knownSince(index: IndexFile): number | null {
  const compacted = horizon(index);
  return compacted === 0 ? firstMoment(index) : compacted;
}

/** Throws 'not-found' where the backup does not reach back to a time. `who`: whose it is, for the message. */
export function requireKnown(index: IndexFile, time: number, who: string): void {
  const first = knownSince(index);
  if (first !== null && time >= first) return;
  const begins =
    first === null
      ? `the backup of ${who} is empty`
      : horizon(index) === 0
        ? `the backup of ${who} begins ${momentText(first)}`
        : `the backup of ${who} begins ${momentText(first)}, what was before has been compacted away`;
  throw new BackupError('not-found', `${begins}: nothing is known of ${momentText(time)}`, { subject: who });
}
