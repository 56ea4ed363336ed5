/**
 * How long the backups of single users and domains keep what went, and whose are held: lines of a text file beside backups.db, which an
 * administrator may read and edit.
 *
 *   retention USERID 90d        this user's
 *   retention @DOMAIN 365d      all users' of a domain that have no line of their own
 *   hold USERID [REASON]        nothing of theirs goes, and their backup is not deleted, until the line is taken out
 *
 * Bytes of a userid that are not printable, blanks, `#` and `%` stand as %XX. Changes are made under the lock of backups.db, and the file is
 * replaced as a whole.
 */
import { readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { BackupError, asBackupError, messageOf } from '../errors.ts';
import { replaceFile } from '../fs/replaceFile.ts';
import { parseDuration } from './values.ts';

/** How long: as an administrator wrote it, and in seconds; zero or less is for ever. */
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
  /** By userid, or @domain: seconds as configured; zero or less is for ever. */
  readonly #retention = new Map<string, Rule>();
  readonly #holds = new Map<string, string>();

  /** Reads the file; where there is none, there are no rules. Throws 'config', naming file and line. */
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

  /** In seconds, zero or less is for ever: the user's own, their domain's, or the default. */
  secondsOf(userid: string, defaultSeconds: number): number {
    return this.#ruleOf(userid, defaultSeconds).seconds;
  }

  /** Why the user's backup is held, which may be an empty text; null where it is not. */
  holdOf(userid: string): string | null {
    return this.#holds.get(userid) ?? null;
  }

  retentions(): Iterable<[name: string, text: string]> {
    return [...this.#retention].map(([name, { text }]) => [name, text]);
  }

  holds(): Iterable<[userid: string, reason: string]> {
    return this.#holds;
  }

  /** `text`: a duration, null: none of its own. Throws 'bad-parameters'. */
  setRetention(name: string, text: string | null): void {
    if (text === null) this.#retention.delete(name);
    else this.#retention.set(name, { text, seconds: secondsIn(text) });
    this.#write();
  }

  /** `reason` null: held no more. */
  setHold(userid: string, reason: string | null): void {
    if (reason === null) this.#holds.delete(userid);
    else this.#holds.set(userid, reason.replace(/\s+/g, ' ').trim());
    this.#write();
  }

  /**
   * A backup is to go from one userid to another, and its rules with it: no rename shortens its retention. Where the new name's would
   * be shorter (that of another domain, say), the one that held so far becomes a rule of the new userid's own.
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

  /** Nothing is said of the userid any more. */
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

/** A duration as in imapd.conf, a bare number in days. */
function secondsIn(text: string): number {
  const seconds = parseDuration(text, 'd');
  if (seconds === null) throw new BackupError('bad-parameters', `${JSON.stringify(text)} is no duration`);
  return seconds;
}

function linesOf(path: string): string[] {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return [];
  try {
    return readFileSync(path, 'utf8').split('\n');
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
