/** Which moments `.at` lists, of all at which something changed: the later, the denser, and never more than a screen or two. */
import type { IndexFile } from '../../src/index/indexFile.ts';
import { horizon } from '../../src/index/horizon.ts';
import { firstMoment, lastMoments, momentsAtOrBefore } from '../../src/index/viewQueries.ts';

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

/** The first moment of which all is known: behind what a compaction has dropped. Infinity: there is nothing at all. */
function firstKnown(index: IndexFile): number {
  return Math.max(firstMoment(index) ?? Infinity, horizon(index));
}

/** From the year 100 to the end of 9999: others are no dates to src/mailbox/moment.ts. */
const [FIRST_DATE, LAST_DATE] = [-59_011_459_200, 253_402_300_799];

/** As RFC 3339 in UTC, or unix seconds where that cannot say it; always a spelling that leads back. */
export function momentName(time: number): string {
  if (time < FIRST_DATE || time > LAST_DATE) return `@${time}`;
  return new Date(time * 1000).toISOString().replace('.000Z', 'Z');
}
