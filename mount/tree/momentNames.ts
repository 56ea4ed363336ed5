/** Which moments `.at` lists, of all at which something changed: the later, the denser, and never more than a screen or two. */
import type { IndexFile } from '../../src/index/indexFile.ts';
import { momentText } from '../../src/mailbox/moment.ts';
import { knownSince } from '../../src/backup/clock.ts';
import { lastMoments, momentsAtOrBefore } from '../../src/index/viewQueries.ts';

/** The latest ones are all there; then the last of each hour of two days, of each day of two months, of each month. */
const LAST = 20;
const HOUR_S = 3600;
const HOURS = 48;
const DAYS = 60;
const MONTHS = 120;

/** Unix seconds, the earliest first. */
export function listedMoments(index: IndexFile, nowS: number): number[] {
  const first = firstKnown(index);
  const times = new Set([...lastMoments(index, LAST), ...momentsAtOrBefore(index, borders(nowS))]);
  return [...times].filter((time) => time >= first && time < nowS).toSorted((a, b) => a - b);
}

/** The last second of each hour, day and month up to now, in local time: what people mean by a day. */
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

/** The first time of which everything is known. Infinity: there is nothing at all. */
export function firstKnown(index: IndexFile): number {
  return knownSince(index) ?? Infinity;
}

export const momentName = momentText;
