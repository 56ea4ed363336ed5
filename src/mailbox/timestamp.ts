/**
 * Parses a timestamp as a person writes it. `restore --at`, the mount's `.at/` and all other places
 * that ask for a timestamp accept the same forms:
 *
 *   2026-11-20T12:00:00Z, with +01:00, `20261120T120000Z`
 *                                              RFC 3339, its compact form, a space for the T
 *   2026-11-20 12:00 or 2026-11-20T12:00:30    local time
 *   2026-11-20                                 local midnight, when the day begins
 *   @1795382150                                unix seconds
 *   now, today, yesterday                      today and yesterday begin at local midnight
 *   2h, 30m, 1d12h, 3w, also with `ago`        this long before now
 */
import { BackupError } from '../errors.ts';

const SECONDS_OF = { w: 604_800, d: 86_400, h: 3_600, m: 60, s: 1 } as const;

const DATE =
  /^(\d{4})-?(\d{2})-?(\d{2})(?:[T ](\d{2}):?(\d{2})(?::?(\d{2})(?:\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$/i;
const AGO = /^(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:\s*ago)?$/i;

/**
 * Returns unix seconds, or undefined if the text is none of the above. `nowS` is the current time
 * in unix seconds.
 */
export function timestampOf(text: string, nowS: number): number | undefined {
  const trimmed = text.trim();
  const epoch = /^@(\d{1,16})$/.exec(trimmed);
  if (epoch !== null) return Number(epoch[1]);
  return namedTimestamp(trimmed, nowS) ?? dateTimestamp(trimmed) ?? timestampAgo(trimmed, nowS);
}

export function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}

/** The dates that this file accepts: from the year 100 to the end of 9999. */
const [FIRST_DATE, LAST_DATE] = [-59_011_459_200, 253_402_300_799];

/**
 * Formats a timestamp as RFC 3339 in UTC, or as unix seconds if that form cannot express it. The
 * result can always be parsed again.
 */
export function timestampText(time: number): string {
  if (time < FIRST_DATE || time > LAST_DATE) return `@${time}`;
  return new Date(time * 1000).toISOString().replace('.000Z', 'Z');
}

/**
 * Like timestampOf, but throws 'usage'. The error's message starts with `what` (an option, a path).
 */
export function parseTimestamp(text: string, nowS: number, what: string): number {
  const moment = timestampOf(text, nowS);
  if (moment !== undefined) return moment;
  const examples = '2026-11-20, 2026-11-20T12:00:00Z, @1795382150, yesterday, 2h';
  throw new BackupError('usage', `${what}: ${JSON.stringify(text)} is no time (such as ${examples})`, {
    subject: what,
  });
}

/** Like parseTimestamp, but for a time in the past. Throws 'usage' for a time in the future. */
export function parsePast(text: string, nowS: number, what: string): number {
  const moment = parseTimestamp(text, nowS, what);
  if (moment <= nowS) return moment;
  throw new BackupError('usage', `${what}: ${text} is ${timestampText(moment)}, which lies in the future`, {
    subject: what,
  });
}

/**
 * Reports whether the text means "now" by a word, rather than a time that happens to be the
 * present.
 */
export function saysNow(text: string): boolean {
  return text.trim().toLowerCase() === 'now';
}

function namedTimestamp(text: string, nowS: number): number | undefined {
  const name = text.toLowerCase();
  if (name === 'now') return nowS;
  if (name !== 'today' && name !== 'yesterday') return undefined;
  const day = new Date(nowS * 1000);
  // Counting back 86,400 seconds would be wrong: a day may have 23 or 25 hours.
  return localSeconds(day.getFullYear(), day.getMonth(), day.getDate() - (name === 'yesterday' ? 1 : 0));
}

function localSeconds(year: number, month: number, day: number, hour = 0, minute = 0, second = 0): number {
  return Math.floor(new Date(year, month, day, hour, minute, second).getTime() / 1000);
}

function dateTimestamp(text: string): number | undefined {
  const match = DATE.exec(text);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((digits) => Number(digits ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  // Date reads the year 24 as 1924.
  if (year < 100) return undefined;
  // Date reads the 31st of February as the 3rd of March.
  const check = new Date(Date.UTC(year, month - 1, day));
  if (check.getUTCMonth() !== month - 1 || check.getUTCDate() !== day) return undefined;
  if (hour > 23 || minute > 59 || second > 60) return undefined;
  const zone = match[7];
  if (zone === undefined) return localSeconds(year, month - 1, day, hour, minute, second);
  return Date.UTC(year, month - 1, day, hour, minute, second) / 1000 - zoneSeconds(zone);
}

function zoneSeconds(zone: string): number {
  if (zone.toUpperCase() === 'Z') return 0;
  const seconds = Number(zone.slice(1, 3)) * 3600 + Number(zone.slice(-2)) * 60;
  return zone.startsWith('-') ? -seconds : seconds;
}

function timestampAgo(text: string, nowS: number): number | undefined {
  const match = /\d/.test(text) ? AGO.exec(text) : null;
  if (match === null) return undefined;
  let seconds = 0;
  for (const [index, unit] of (['w', 'd', 'h', 'm', 's'] as const).entries()) {
    seconds += Number(match[index + 1] ?? 0) * SECONDS_OF[unit];
  }
  return seconds <= nowS ? nowS - seconds : undefined;
}
