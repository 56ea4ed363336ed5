/**
 * Reads and changes the retention rules and holds of single users and domains. They are lines in a
 * text file beside backups.db, which an administrator may read and edit:
 *
 *   retention USERID 90d        for this user
 *   retention @DOMAIN 365d      for all users of a domain without a line of their own
 *   hold USERID [REASON]        nothing is dropped and the backup is not deleted
 *                               until the line is removed
 *
 * In a userid, bytes that are not printable, blanks, `#` and `%` are written as %XX. Changes are
 * made under the lock of backups.db, and the file is always replaced as a whole.
 */
import { dirname, join } from 'node:path';
import { BackupError, asBackupError, messageOf } from '../errors.ts';
import { disk } from '../fs/disk/current.ts';
import { replaceFile } from '../fs/replaceFile.ts';
import { parseDuration } from './values.ts';
import { requireBackupDatabase } from './imapdConf.ts';
import type { Config } from './imapdConf.ts';

/** A retention, both as the administrator wrote it and in seconds. Zero or less means forever. */
interface Rule {
  readonly text: string;
  readonly seconds: number;
}

function isLonger(one: Rule, other: Rule): boolean {
  const [a, b] = [one, other].map(({ seconds }) => (seconds <= 0 ? Infinity : seconds)) as [number, number];
  return a > b;
}

export class RetentionRules {
  readonly path: string;
  /** Retention rules by userid or @domain. */
  readonly #retention = new Map<string, Rule>();
  readonly #holds = new Map<string, string>();

  /** Reads the file. A missing file means no rules. Throws 'config' with file and line. */
  constructor(backupsDb: string) {
    this.path = join(dirname(backupsDb), 'backup.retention');
    for (const [at, line] of linesOf(this.path).entries()) {
      try {
        this.#take(line);
      } catch (error) {
        throw new BackupError('config', `${this.path}:${at + 1}: ${messageOf(error)}`, {
          subject: this.path,
        });
      }
    }
  }

  /**
   * Returns the user's retention in seconds: the user's own rule, else the domain's rule, else the
   * default. Zero or less means forever.
   */
  secondsOf(userid: string, defaultSeconds: number): number {
    return this.#ruleOf(userid, defaultSeconds).seconds;
  }

  /** Returns the reason of the user's hold, which may be empty; null if there is no hold. */
  holdOf(userid: string): string | null {
    return this.#holds.get(userid) ?? null;
  }

  retentions(): Iterable<[name: string, text: string]> {
    return [...this.#retention].map(([name, { text }]) => [name, text]);
  }

  holds(): Iterable<[userid: string, reason: string]> {
    return this.#holds;
  }

  /**
   * Sets the retention of a userid or @domain to a duration; null removes its rule. Throws
   * 'bad-parameters'.
   */
  setRetention(name: string, text: string | null): void {
    if (text === null) this.#retention.delete(name);
    else this.#retention.set(name, { text, seconds: secondsIn(text) });
    this.#write();
  }

  /** Sets a hold; a null `reason` removes it. */
  setHold(userid: string, reason: string | null): void {
    if (reason === null) this.#holds.delete(userid);
    else this.#holds.set(userid, reason.replace(/\s+/g, ' ').trim());
    this.#write();
  }

  /**
   * Copies a user's rules to a new userid when the user is renamed. A rename never shortens the
   * retention. If the new userid's retention would be shorter (for example in another domain), the
   * former retention becomes the new userid's own rule.
   */
  carry(from: string, to: string, defaultSeconds: number): void {
    const [own, hold] = [this.#retention.get(from), this.#holds.get(from)];
    const before = this.#ruleOf(from, defaultSeconds);
    const moves =
      isLonger(before, this.#ruleOf(to, defaultSeconds)) || (own !== undefined && !this.#retention.has(to));
    const isHeld = hold !== undefined && !this.#holds.has(to);
    if (moves) this.#retention.set(to, before);
    if (isHeld) this.#holds.set(to, hold);
    if (moves || isHeld) this.#write();
  }

  /** Removes the userid's rule and hold. */
  forget(userid: string): void {
    const wasKnown = [this.#retention.delete(userid), this.#holds.delete(userid)].includes(true);
    if (wasKnown) this.#write();
  }

  #ruleOf(userid: string, defaultSeconds: number): Rule {
    const at = userid.lastIndexOf('@');
    const rule =
      this.#retention.get(userid) ?? (at === -1 ? undefined : this.#retention.get(userid.slice(at)));
    return rule ?? { text: `${Math.max(0, defaultSeconds)}s`, seconds: defaultSeconds };
  }

  #take(line: string): void {
    const text = line.trim();
    if (text === '' || text.startsWith('#')) return;
    const [, kind, encoded, rest = ''] = /^(\S+)\s+(\S+)(?:\s+(.*))?$/.exec(text) ?? [];
    if (encoded === undefined) throw new BackupError('config', 'a userid is expected');
    const name = decode(encoded);
    if (kind === 'hold') this.#holds.set(name, rest);
    else if (kind === 'retention') this.#retention.set(name, { text: rest, seconds: secondsIn(rest) });
    else throw new BackupError('config', 'retention or hold is expected');
  }

  #write(): void {
    const lines = [
      '# see ctl_backups(8): retention, hold, release',
      ...[...this.#retention].map(([name, { text }]) => `retention ${encode(name)} ${text}`),
      ...[...this.#holds].map(([name, reason]) => `hold ${encode(name)} ${reason}`.trimEnd()),
    ];
    replaceFile(this.path, Buffer.from(`${lines.join('\n')}\n`));
  }
}

/** Parses a duration as in imapd.conf. A number without a unit is in days. */
function secondsIn(text: string): number {
  const seconds = parseDuration(text, 'd');
  if (seconds === null) {
    const cure = 'write it as 90d or 36h, or as 0 to keep everything';
    throw new BackupError('usage', `${JSON.stringify(text)} is no duration: ${cure}`);
  }
  return seconds;
}

function linesOf(path: string): string[] {
  if (disk.stat(path) === undefined) return [];
  try {
    return disk.readFile(path).toString('utf8').split('\n');
  } catch (error) {
    throw asBackupError(error, path);
  }
}

function encode(name: string): string {
  return name.replace(/[^!-~]|[%#]/g, (char) => `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

function decode(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
}

/** The rules of the store that a configuration describes. Throws 'config'. */
export function retentionRules(config: Config): RetentionRules {
  return new RetentionRules(requireBackupDatabase(config));
}

/**
 * Returns the time, in unix seconds, from which on the user's history is kept; undefined means
 * that everything is kept. A data file whose user is unknown gets the default retention. `nowS` is
 * the time that counts as now.
 */
export function retainedSince(
  config: Config,
  userid: string | null,
  rules: RetentionRules,
  nowS = Math.floor(Date.now() / 1000),
): number | undefined {
  if (userid !== null && rules.holdOf(userid) !== null) return undefined;
  const seconds =
    userid === null ? config.backup_retention : rules.secondsOf(userid, config.backup_retention);
  return seconds > 0 ? nowS - seconds : undefined;
}
