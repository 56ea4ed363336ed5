/**
 * Writes the status store. Recording only notes a value in memory; `flush` writes what was noted.
 *
 * - backupd flushes every few seconds (`flushEvery`), a few hundred rows in a transaction, and does
 *   not wait for another writer: what could not be written is tried again with the next flush.
 * - Commands flush when they close, and wait up to two seconds for another writer.
 *
 * Nothing here throws. At most MOST_NOTED values wait in memory; beyond that the oldest are lost,
 * which is logged.
 */
import { StatusFile } from './statusFile.ts';
import type { Prepare } from './statusFile.ts';
import type { Master, NewResult } from './types.ts';

const MOST_NOTED = 20_000;
const ROWS_A_TRANSACTION = 256;
const MOST_REASON_CHARS = 500;
const MOST_FIGURES = 20;
/** A host that was not seen for this long is forgotten. */
const MASTER_KEPT_S = 90 * 24 * 3600;
const MOST_MASTERS = 1000;

/** Writes one row. */
type Write = (prepare: Prepare) => void;

/** The number of missing messages stays if a later result does not name it. */
const PUT_RESULT = `INSERT INTO result (userid, kind, ok, at, since, reason, figures, master)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET at = excluded.at, reason = excluded.reason,
  figures = CASE WHEN excluded.figures ->> 'missing' IS NULL AND result.figures ->> 'missing' IS NOT NULL
    THEN json_set(excluded.figures, '$.missing', result.figures ->> 'missing') ELSE excluded.figures END, master = excluded.master,
  since = CASE WHEN excluded.ok = 0 AND result.at > coalesce((SELECT at FROM result AS good WHERE
    good.userid = excluded.userid AND good.kind = excluded.kind AND good.ok = 1), 0)
    THEN result.since ELSE excluded.at END
  WHERE excluded.at >= result.at`;
const PUT_MASTER = `INSERT INTO master (host, seen, rolling, lag) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET
  seen = max(seen, excluded.seen), rolling = coalesce(excluded.rolling, rolling), lag = coalesce(excluded.lag, lag)`;
const ADD_COUNTER =
  'INSERT INTO counter VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = value + excluded.value';
const PUT_GAUGE = 'INSERT OR REPLACE INTO gauge VALUES (?, ?, ?, ?)';
/** Results that the new name already has stay. */
const RENAME = 'UPDATE OR IGNORE result SET userid = ? WHERE userid = ?';
const REMOVE = 'DELETE FROM result WHERE userid = ?';
const FORGET_MASTERS = `DELETE FROM master WHERE seen < ? OR host NOT IN
  (SELECT host FROM master ORDER BY seen DESC LIMIT ${MOST_MASTERS})`;

export interface StatusWriterOptions {
  readonly warn: (message: string) => void;
  /** How long a flush waits for another writer. Default 2 seconds. */
  readonly busyTimeoutMs?: number;
}

export class StatusWriter {
  readonly #file: StatusFile;
  readonly #warn: (message: string) => void;
  /** The rows to write, in order. A newer value of the same key replaces the older one. */
  readonly #noted = new Map<string, Write>();
  readonly #counts = new Map<string, { name: string; label: string; value: number }>();
  #timer: NodeJS.Timeout | undefined;
  #lost = 0;

  private constructor(file: StatusFile, warn: (message: string) => void) {
    this.#file = file;
    this.#warn = warn;
  }

  /** Never throws. The file is opened, or made, by the first flush that has something to write. */
  static open(backupsDb: string, options: StatusWriterOptions): StatusWriter {
    const { warn, busyTimeoutMs = 2000 } = options;
    return new StatusWriter(new StatusFile(backupsDb, { access: 'write', busyTimeoutMs, warn }), warn);
  }

  /** Records what a command or a master did for a user, or for WHOLE_STORE. */
  recordResult(result: NewResult): void {
    const { userid, kind, at, isOk, master = null } = result;
    const reason = result.reason?.slice(0, MOST_REASON_CHARS) ?? null;
    const entries = Object.entries(result.figures ?? {}).slice(0, MOST_FIGURES);
    const figures = entries.length === 0 ? null : JSON.stringify(Object.fromEntries(entries));
    const values = [userid, kind, isOk ? 1 : 0, at, at, reason, figures, master];
    this.#note(`result\0${userid}\0${kind}\0${isOk}`, (prepare) => prepare(PUT_RESULT).run(...values));
  }

  /** Gives a user's results to another userid. */
  recordRename(from: string, to: string): void {
    this.#note(`rename\0${from}\0${to}`, (prepare) => {
      prepare(RENAME).run(to, from);
      prepare(REMOVE).run(from);
    });
  }

  /** Forgets a user whose backup was deleted. */
  recordRemoval(userid: string): void {
    this.#note(`remove\0${userid}`, (prepare) => prepare(REMOVE).run(userid));
  }

  recordMaster({ host, seenAt, rollingAt, lagSeconds }: Master): void {
    // A key for each combination, because an absent value does not replace a known one.
    const key = `master\0${host}\0${rollingAt === undefined}\0${lagSeconds === undefined}`;
    const values = [host, seenAt, rollingAt ?? null, lagSeconds ?? null];
    this.#note(key, (prepare) => prepare(PUT_MASTER).run(...values));
  }

  /** Adds to a counter. Labels must come from a closed list, such as the kinds of errors. */
  recordCount(name: string, label: string, by = 1): void {
    const key = `${name}\0${label}`;
    const known = this.#counts.get(key);
    if (known === undefined) this.#counts.set(key, { name, label, value: by });
    else known.value += by;
  }

  recordGauge(name: string, label: string, value: number, at: number): void {
    this.#note(`gauge\0${name}\0${label}`, (prepare) => prepare(PUT_GAUGE).run(name, label, value, at));
  }

  /** Writes all that was noted. Returns false if it could not be written and is kept for later. */
  flush(): boolean {
    while (this.#noted.size + this.#counts.size > 0) if (!this.#writeSome()) return false;
    return true;
  }

  /** From now on flushes by itself. Other work may run between two transactions. */
  flushEvery(intervalMs: number): void {
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#flushInTurns(), intervalMs);
    this.#timer.unref();
  }

  /** Flushes, and closes the file. What cannot be written is lost, which is logged. */
  close(): void {
    clearInterval(this.#timer);
    if (!this.flush() && this.#noted.size > 0) {
      this.#warn(`${this.#noted.size} results could not be written to ${this.#file.path}, they are lost`);
    }
    this.#file.close();
  }

  #flushInTurns(): void {
    if (this.#noted.size + this.#counts.size === 0 || !this.#writeSome()) return;
    if (this.#noted.size > 0) setImmediate(() => this.#flushInTurns());
  }

  /** Writes the oldest notes and all counters in one transaction. */
  #writeSome(): boolean {
    const batch = [...this.#noted].slice(0, ROWS_A_TRANSACTION);
    const isWritten = this.#file.run((prepare, db) => {
      db.transaction(() => {
        for (const [, write] of batch) write(prepare);
        const add = prepare(ADD_COUNTER);
        for (const { name, label, value } of this.#counts.values()) add.run(name, label, value);
        if (batch.some(([key]) => key.startsWith('master\0'))) {
          prepare(FORGET_MASTERS).run(Date.now() / 1000 - MASTER_KEPT_S);
        }
      }).immediate();
      return true;
    });
    if (isWritten !== true) return false;
    // A note with the same key that arrived meanwhile is impossible: nothing else runs meanwhile.
    for (const [key] of batch) this.#noted.delete(key);
    this.#counts.clear();
    return true;
  }

  #note(key: string, write: Write): void {
    // The newest note goes last, so that it follows a rename or a removal noted before it.
    this.#noted.delete(key);
    this.#noted.set(key, write);
    if (this.#noted.size <= MOST_NOTED) return;
    const [oldest] = this.#noted.keys();
    if (oldest !== undefined) this.#noted.delete(oldest);
    this.#lost += 1;
    if (this.#lost % MOST_NOTED === 1) {
      this.#warn(`${this.#file.path} cannot be written, and too many results wait: the oldest are lost`);
    }
  }
}
