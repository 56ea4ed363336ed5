/**
 * What `cyrus-backups check` reports: findings, each with a level. Every finding says what it is
 * about, what was found, and, unless all is well, what to do.
 */

export type Level = 'ok' | 'warning' | 'error';

export interface Finding {
  readonly level: Level;
  /** The subject: `configuration`, `tls`, `partition`, `catalogue` and so on. */
  readonly what: string;
  /** The file, line, user or address that it is about. */
  readonly where: string;
  readonly message: string;
  /** What to do; undefined if nothing is to be done. */
  readonly cure?: string;
}

/** The part of a finding that differs from one to the next. */
export interface Said {
  readonly where: string;
  readonly message: string;
  readonly cure: string;
}

export function ok(what: string, where: string, message: string): Finding {
  return { level: 'ok', what, where, message };
}

export function warning(what: string, said: Said): Finding {
  return { level: 'warning', what, ...said };
}

export function failure(what: string, said: Said): Finding {
  return { level: 'error', what, ...said };
}

/** Exit codes: 0 all is well, 1 there are warnings, 2 there are errors. */
export const LEVEL_CODES = { ok: 0, warning: 1, error: 2 } as const satisfies Record<Level, number>;

/** Returns the worst level; 'ok' if there are no findings. */
export function worstOf(findings: readonly Finding[]): Level {
  if (findings.some(({ level }) => level === 'error')) return 'error';
  return findings.some(({ level }) => level === 'warning') ? 'warning' : 'ok';
}

/** The number of names that one finding lists. */
const MOST_NAMED = 5;

/** Lists the first names and counts the others: `a, b and 3 more`. */
export function namedFew(names: readonly string[]): string {
  const shown = names.slice(0, MOST_NAMED).join(', ');
  return names.length <= MOST_NAMED ? shown : `${shown} and ${names.length - MOST_NAMED} more`;
}
