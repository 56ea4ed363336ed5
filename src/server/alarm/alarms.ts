/**
 * The alarm: a user loses far more mail than ever before, as after a wipe, an encryption run, or
 * with a client gone wild. The user is put on hold, so that no compaction drops what is needed to
 * undo it, and a command of the administrator is run.
 *
 * Each round costs one query over the mailboxes that changed in it. Only if a user has lost more
 * than the floor within a day, what was lost is looked at closely.
 */
import type { Catalog } from '../../catalog/catalog.ts';
import { RetentionRules } from '../../config/retentionRules.ts';
import { messageOf } from '../../errors.ts';
import { expungesSince, livingMessages, lostSince, mostLostInADay } from '../../index/queries/past/losses.ts';
import type { IndexFile } from '../../index/store/indexFile.ts';
import { timestampText } from '../../mailbox/timestamp.ts';
import type { StatusWriter } from '../../status/statusWriter.ts';
import { runHook } from './hook.ts';

const DAY_S = 86_400;
/** How far back a user's own history is looked at. */
const HISTORY_DAYS = 90;
/** More than this many times the worst day of the history is a burst. */
const BURST_FACTOR = 3;
/** A burst takes at least this part of the user's mail. */
const LEAST_PART = 0.1;
/** After a look, so many times more must be expunged before the next. */
const NEXT_LOOK_FACTOR = 1.2;
/** Users whose losses of a day are remembered. Beyond that, those that lost something first go. */
const MOST_USERS = 10_000;

export interface AlarmOptions {
  /** The path of backups.db. */
  readonly databasePath: string;
  readonly catalog: Pick<Catalog, 'transaction'>;
  readonly status: StatusWriter | undefined;
  readonly deletedPrefix: string;
  /** So many messages must be lost within a day at least; 0 switches the alarm off. */
  readonly leastMessages: number;
  /** The program to run and its arguments; undefined for none. */
  readonly command: readonly string[] | undefined;
  readonly log: AlarmLog;
}

/** When a round began and ended, unix seconds. */
export interface RoundTimes {
  readonly beganS: number;
  readonly nowS: number;
}

export interface AlarmLog {
  readonly alarm: (fields: { user: string; lost: number; usual: number; left: number; hold: string }) => void;
  readonly hookFailed: (reason: string) => void;
}

interface Tally {
  /** When the day began, unix seconds. */
  began: number;
  expunged: number;
  /** When so many were expunged, the losses are looked at again. */
  lookAt: number;
}

export class Alarms {
  #options: AlarmOptions;
  readonly #tallies = new Map<string, Tally>();

  constructor(options: AlarmOptions) {
    this.#options = options;
  }

  reconfigure(options: AlarmOptions): void {
    this.#options = options;
  }

  /** Call at the end of a round that changed something. Never throws. */
  roundEnded(userid: string, index: IndexFile, { beganS, nowS }: RoundTimes): void {
    try {
      this.#look(userid, index, beganS, nowS);
    } catch (error) {
      // An alarm is never a reason to fail.
      this.#options.log.hookFailed(`${userid}: ${messageOf(error)}`);
    }
  }

  #look(userid: string, index: IndexFile, beganS: number, nowS: number): void {
    const { leastMessages, deletedPrefix } = this.#options;
    if (leastMessages === 0) return;
    const pattern = `${deletedPrefix}.*`;
    const expunged = expungesSince(index, beganS, pattern);
    if (expunged === 0) return;
    const tally = this.#tally(userid, beganS);
    tally.expunged += expunged;
    if (tally.expunged < Math.max(leastMessages, tally.lookAt)) return;
    tally.lookAt = tally.expunged * NEXT_LOOK_FACTOR;
    const lost = lostSince(index, tally.began, pattern);
    if (lost < leastMessages) return;
    const usual = mostLostInADay(index, tally.began, { days: HISTORY_DAYS, deletedPattern: pattern });
    const left = livingMessages(index, pattern);
    if (lost <= BURST_FACTOR * usual || lost < LEAST_PART * (lost + left)) return;
    this.#tallies.set(userid, { began: nowS + 1, expunged: 0, lookAt: 0 });
    this.#raise(userid, { lost, usual, left, nowS });
  }

  #tally(userid: string, beganS: number): Tally {
    const known = this.#tallies.get(userid);
    if (known !== undefined && beganS - known.began < DAY_S) return known;
    const tally = { began: beganS, expunged: 0, lookAt: 0 };
    this.#tallies.delete(userid);
    this.#tallies.set(userid, tally);
    const [oldest] = this.#tallies.keys();
    if (this.#tallies.size > MOST_USERS && oldest !== undefined) this.#tallies.delete(oldest);
    return tally;
  }

  #raise(userid: string, found: { lost: number; usual: number; left: number; nowS: number }): void {
    const { status, log, command } = this.#options;
    const { lost, usual, left, nowS } = found;
    const reason = `alarm of ${timestampText(nowS)}: ${lost} messages lost, ${left} left`;
    const hold = this.#hold(userid, reason);
    log.alarm({ user: userid, lost, usual, left, hold });
    status?.recordCount('alarms', '');
    status?.recordResult({
      userid,
      kind: 'alarm',
      isOk: false,
      at: nowS,
      reason,
      figures: { lost, usual, left },
    });
    if (command !== undefined) {
      const facts = {
        user: userid,
        lost: String(lost),
        usual: String(usual),
        left: String(left),
        time: timestampText(nowS),
      };
      runHook(command, facts, log.hookFailed);
    }
  }

  /** Returns what became of the hold, for the log. */
  #hold(userid: string, reason: string): string {
    const { catalog, databasePath } = this.#options;
    try {
      return catalog.transaction(() => {
        const rules = new RetentionRules(databasePath);
        if (rules.holdOf(userid) !== null) return 'it was on hold already';
        rules.setHold(userid, reason);
        return 'it is on hold now';
      });
    } catch (error) {
      return `it could not be put on hold: ${messageOf(error)}`;
    }
  }
}
