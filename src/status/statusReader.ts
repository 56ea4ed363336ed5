/**
 * Reads the status store. Absence, damage or a newer version of the file is never an error: there
 * are just no results. Lists are read in pages, so that a caller can yield between them.
 */
import { RESULT_KINDS } from './types.ts';
import type { Counter, Figures, Gauge, Master, Result, ResultKind, UserResults } from './types.ts';
import { StatusFile } from './statusFile.ts';

interface ResultRow {
  readonly userid: string;
  readonly kind: string;
  readonly ok: number;
  readonly at: number;
  readonly since: number;
  readonly reason: string | null;
  readonly figures: string | null;
  readonly master: string | null;
}

const PAGE =
  'SELECT * FROM result WHERE userid IN (SELECT DISTINCT userid FROM result WHERE userid > ? ' +
  'ORDER BY userid LIMIT ?) ORDER BY userid';

export class StatusReader {
  readonly #file: StatusFile;

  private constructor(file: StatusFile) {
    this.#file = file;
  }

  /** Never throws. `warn` is told once why a store that exists cannot be read. */
  static open(backupsDb: string, warn: (message: string) => void): StatusReader {
    return new StatusReader(new StatusFile(backupsDb, { access: 'read', busyTimeoutMs: 1000, warn }));
  }

  /** Returns a user's results, or those of WHOLE_STORE. They are empty if nothing is known. */
  readUser(userid: string): UserResults {
    const rows = this.#all<ResultRow>('SELECT * FROM result WHERE userid = ?', userid);
    return userResults(userid, rows);
  }

  /**
   * Returns the results of at most `limit` users after this one, in byte order of userids. Begin
   * with WHOLE_STORE, which itself is not among them; an empty page is the last.
   */
  readUsers(after: string, limit: number): UserResults[] {
    const byUser = new Map<string, ResultRow[]>();
    for (const row of this.#all<ResultRow>(PAGE, after, limit)) {
      const rows = byUser.get(row.userid);
      if (rows === undefined) byUser.set(row.userid, [row]);
      else rows.push(row);
    }
    return [...byUser].map(([userid, rows]) => userResults(userid, rows));
  }

  readMasters(): Master[] {
    type Row = { host: string; seen: number; rolling: number | null; lag: number | null };
    return this.#all<Row>('SELECT * FROM master ORDER BY host').map(({ host, seen, rolling, lag }) => ({
      host,
      seenAt: seen,
      rollingAt: rolling ?? undefined,
      lagSeconds: lag ?? undefined,
    }));
  }

  readCounters(): Counter[] {
    return this.#all<Counter>('SELECT name, label, value FROM counter ORDER BY name, label');
  }

  readGauges(): Gauge[] {
    return this.#all<Gauge>('SELECT name, label, value, at FROM gauge ORDER BY name, label');
  }

  close(): void {
    this.#file.close();
  }

  #all<T>(sql: string, ...values: readonly (string | number)[]): T[] {
    return this.#file.run((prepare) => prepare(sql).all(...values) as T[]) ?? [];
  }
}

function userResults(userid: string, rows: readonly ResultRow[]): UserResults {
  const ok: Partial<Record<ResultKind, Result>> = {};
  const failed: Partial<Record<ResultKind, Result>> = {};
  for (const row of rows) {
    const result = resultOf(row);
    if (result !== undefined) (result.isOk ? ok : failed)[result.kind] = result;
  }
  return { userid, ok, failed };
}

/** Returns undefined for a kind that this version does not know. */
function resultOf(row: ResultRow): Result | undefined {
  const kind = RESULT_KINDS.find((known) => known === row.kind);
  if (kind === undefined) return undefined;
  return {
    userid: row.userid,
    kind,
    isOk: row.ok === 1,
    at: row.at,
    since: row.since,
    reason: row.reason ?? undefined,
    figures: figuresOf(row.figures),
    master: row.master ?? undefined,
  };
}

function figuresOf(text: string | null): Figures | undefined {
  if (text === null) return undefined;
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== 'object' || parsed === null) return undefined;
    const numbers = Object.entries(parsed).filter(([, value]) => typeof value === 'number');
    return Object.fromEntries(numbers);
  } catch {
    return undefined; // the row is damaged
  }
}
