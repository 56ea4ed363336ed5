/**
 * Selects the timestamps that `.at` lists, from all those at which something changed. Recent ones
 * are listed more densely, and the list never exceeds a screen or two.
 */
import type { IndexFile } from '../../src/index/store/indexFile.ts';
import { timestampText } from '../../src/mailbox/timestamp.ts';
import { knownSince } from '../../src/backup/clock.ts';
import { lastTimestamps, timestampsAtOrBefore } from '../../src/index/queries/views.ts';

/**
 * All of the latest timestamps are listed, then the last of each hour for two days, of each day for
 * two months, and of each month.
 */
const LAST = 20;
const HOUR_S = 3600;
const HOURS = 48;
const DAYS = 60;
const MONTHS = 120;

/** Returns unix seconds, the earliest first. */
export function listedTimestamps(index: IndexFile, nowS: number): number[] {
  const first = firstKnown(index);
  const times = new Set([...lastTimestamps(index, LAST), ...timestampsAtOrBefore(index, borders(nowS))]);
  return [...times].filter((time) => time >= first && time < nowS).toSorted((a, b) => a - b);
}

/**
 * Yields the last second of each hour, day and month up to now. Uses local time, since that is what
 * people mean by a day.
 */
function* borders(nowS: number): Generator<number> {
  for (let hour = 0; hour < HOURS; hour += 1) yield Math.floor(nowS / HOUR_S - hour) * HOUR_S - 1;
  const now = new Date(nowS * 1000);
  const [year, month, day] = [now.getFullYear(), now.getMonth(), now.getDate()];
  for (let back = 0; back < DAYS; back += 1) yield lastSecondBefore(new Date(year, month, day - back));
  for (let back = 0; back < MONTHS; back += 1) yield lastSecondBefore(new Date(year, month - back, 1));
}

function lastSecondBefore(date: Date): number {
  return Math.floor(date.getTime() / 1000) - 1;
}

/** Returns the first time from which the history is complete; Infinity if there is none. */
export function firstKnown(index: IndexFile): number {
  return knownSince(index) ?? Infinity;
}

export const timestampName = timestampText;
