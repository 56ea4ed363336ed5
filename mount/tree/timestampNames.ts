/**
 * Selects the timestamps that `.at` lists, from all timestamps at which something changed. Recent
 * timestamps are listed more densely. The list fits on one or two screens.
 */
import type { IndexFile } from '../../src/index/store/indexFile.ts';
import { timestampText } from '../../src/mailbox/timestamp.ts';
import { knownSince } from '../../src/backup/clock.ts';
import { lastTimestamps, timestampsAtOrBefore } from '../../src/index/queries/timestamps.ts';

/**
 * The number of latest timestamps that are all listed. Before them, the list contains the last
 * timestamp of each hour for two days, of each day for two months, and of each month.
 */
const LAST = 20;
const HOUR_S = 3600;
const HOURS = 48;
const DAYS = 60;
const MONTHS = 120;

/** Returns the selected timestamps in unix seconds, the earliest first. */
export function listedTimestamps(index: IndexFile, nowS: number): number[] {
  const first = firstKnown(index);
  const times = new Set([...lastTimestamps(index, LAST), ...timestampsAtOrBefore(index, borders(nowS))]);
  return [...times].filter((time) => time >= first && time < nowS).toSorted((a, b) => a - b);
}

/**
 * Yields the last second of each hour, day and month up to now. It uses local time, because users
 * mean a local day.
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

/** Returns the earliest time from which the history is complete, or Infinity if there is none. */
export function firstKnown(index: IndexFile): number {
  return knownSince(index) ?? Infinity;
}

export const timestampName = timestampText;
