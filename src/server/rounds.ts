/**
 * What one session does for each user, as rounds: one log line and one result in the status store
 * for each.
 *
 * A round begins with the first command that names a user who has a backup. It ends at RESTART or
 * EXIT, when the master turns to another user with GET USER (sync_client -u and -A send no RESTART
 * between users), or when the session was silent for QUIET_MS (an early rolling sync_client). A
 * round in which a master asked for the state and then sent nothing proves that the user is in
 * step, as far as the master compared.
 *
 * A round fails if one of its commands was refused, except for refusals that sync_client answers
 * by itself, or if the connection broke in the middle of it.
 */
import { BackupError, messageOf } from '../errors.ts';
import type { ErrorKind } from '../errors.ts';
import type { FieldsOf } from '../logging/events.ts';
import type { StatusWriter } from '../status/statusWriter.ts';
import type { Figures } from '../status/types.ts';

const QUIET_MS = 5000;
/** The most open rounds of a session. Beyond that, the oldest ends. */
const MOST_ROUNDS = 256;
/** The most mailboxes of a round that are told apart. */
const MOST_MAILBOXES = 100_000;
/** After these refusals sync_client sends what is needed: all of a mailbox, or other commands. */
const ANSWERED_BY_CLIENT: ReadonlySet<ErrorKind> = new Set<ErrorKind>(['out-of-step', 'not-found']);

export interface RoundLog {
  readonly synced: (fields: FieldsOf<'sync'>) => void;
  readonly failed: (fields: FieldsOf<'sync-failed'>) => void;
}

export interface RoundsOptions {
  readonly log: RoundLog;
  readonly status: StatusWriter | undefined;
  /** The master's host. */
  readonly host: string;
  /** The number of missing messages of a user whose backup is held; otherwise undefined. */
  readonly missingOf: (userid: string) => number | undefined;
  /** Called when a user's round is over, with the time at which it began, in unix seconds. */
  readonly ended: (userid: string, beganS: number) => void;
}

/** Messages that a MAILBOX command stored. */
export interface Stored {
  readonly messages: number;
  readonly bytes: number;
  /** LAST_UPDATED of the newest change that the backup did not have, in unix seconds. */
  readonly newestChange: number | undefined;
}

interface Round {
  /** Unix seconds. */
  readonly beganS: number;
  readonly beganMs: number;
  lastMs: number;
  readonly mailboxes: Set<string>;
  changed: number;
  messages: number;
  bytes: number;
  isFull: boolean;
  isGone: boolean;
  lagSeconds: number | undefined;
  failure: { readonly kind: ErrorKind; readonly reason: string } | undefined;
}

export class Rounds {
  readonly #options: RoundsOptions;
  readonly #rounds = new Map<string, Round>();
  /** The user whom the current command named last. */
  #current: string | undefined;
  /** The user of the last GET USER. */
  #compared: string | undefined;
  #isBusy = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: RoundsOptions) {
    this.#options = options;
  }

  /** Call when a command begins to arrive. */
  commandBegins(): void {
    this.#current = undefined;
    this.#isBusy = true;
  }

  /** Call when a command was answered. */
  commandEnds(): void {
    this.#isBusy = false;
    if (this.#rounds.size > 0) this.#timer ??= setTimeout(() => this.#endQuiet(), QUIET_MS).unref();
  }

  /** The current command concerns this user, who has a backup or gets one. */
  names(userid: string): void {
    this.#current = userid;
    const round = this.#rounds.get(userid);
    if (round !== undefined) round.lastMs = performance.now();
    else this.#begin(userid);
  }

  /**
   * The master asks for all of a user (GET USER). The rounds of other users are over. A user
   * without a backup has a round only if the master then sends something.
   */
  comparesAll(userid: string): void {
    for (const other of this.#rounds.keys()) if (other !== userid) this.#end(other);
    this.#compared = userid;
    const round = this.#rounds.get(userid);
    if (round !== undefined) round.isFull = true;
  }

  /** The master compares or sends a mailbox of this user. */
  mailbox(userid: string, mboxname: string): void {
    const { mailboxes } = this.#round(userid);
    if (mailboxes.size < MOST_MAILBOXES) mailboxes.add(mboxname);
  }

  stored(userid: string, { messages, bytes, newestChange }: Stored): void {
    const round = this.#round(userid);
    round.changed += 1;
    round.messages += messages;
    round.bytes += bytes;
    if (newestChange === undefined) return;
    const lag = Math.max(0, Date.now() / 1000 - newestChange);
    round.lagSeconds = Math.min(lag, round.lagSeconds ?? lag);
  }

  /** The account was removed on the master. */
  isGone(userid: string): void {
    this.#round(userid).isGone = true;
  }

  /** The current command was refused. Returns the user whom it concerned. */
  refused(error: unknown): string | undefined {
    const userid = this.#current;
    const kind = error instanceof BackupError ? error.kind : 'io';
    this.#options.status?.recordCount('refusals', kind);
    if (userid !== undefined && !ANSWERED_BY_CLIENT.has(kind)) {
      this.#round(userid).failure ??= { kind, reason: messageOf(error) };
    }
    return userid;
  }

  /** Gives the round of a renamed user to the new name. */
  renamed(from: string, to: string): void {
    this.#options.status?.recordRename(from, to);
    const round = this.#rounds.get(from);
    if (round === undefined) return;
    this.#rounds.delete(from);
    this.#rounds.set(to, round);
  }

  /** Ends all rounds. They failed if the connection broke, or the server stops. */
  endAll(breakage?: string): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#compared = undefined;
    for (const [userid, round] of this.#rounds) {
      if (breakage !== undefined) round.failure ??= { kind: 'closed', reason: breakage };
      this.#end(userid);
    }
  }

  #endQuiet(): void {
    this.#timer = undefined;
    if (this.#isBusy) return; // commandEnds starts the timer again
    const before = performance.now() - QUIET_MS;
    for (const [userid, round] of this.#rounds) if (round.lastMs <= before) this.#end(userid);
    if (this.#rounds.size > 0) this.#timer = setTimeout(() => this.#endQuiet(), QUIET_MS).unref();
  }

  #round(userid: string): Round {
    return this.#rounds.get(userid) ?? this.#begin(userid);
  }

  #begin(userid: string): Round {
    const now = performance.now();
    const round: Round = {
      beganS: Math.floor(Date.now() / 1000),
      beganMs: now,
      lastMs: now,
      mailboxes: new Set(),
      changed: 0,
      messages: 0,
      bytes: 0,
      isFull: this.#compared === userid,
      isGone: false,
      lagSeconds: undefined,
      failure: undefined,
    };
    this.#rounds.set(userid, round);
    const [oldest] = this.#rounds.keys();
    if (this.#rounds.size > MOST_ROUNDS && oldest !== undefined) this.#end(oldest);
    return round;
  }

  #end(userid: string): void {
    const round = this.#rounds.get(userid);
    if (round === undefined) return;
    this.#rounds.delete(userid);
    const { log } = this.#options;
    const { failure, changed, bytes, lagSeconds } = round;
    const figures = {
      mailboxes: round.mailboxes.size,
      changed,
      new: round.messages,
      bytes,
      ms: Math.round(performance.now() - round.beganMs),
    };
    const lag = lagSeconds === undefined ? undefined : Math.round(lagSeconds);
    if (failure === undefined) log.synced({ user: userid, ...figures, lag });
    else log.failed({ user: userid, ...figures, ...failure });
    this.#record(userid, round, figures);
    this.#options.ended(userid, round.beganS);
  }

  #record(userid: string, round: Round, figures: Figures): void {
    const { status, host, missingOf } = this.#options;
    if (status === undefined) return;
    const at = Date.now() / 1000;
    const isOk = round.failure === undefined;
    // While a round stores nothing, the store keeps the number. Counting costs more than the rest.
    const missing = round.changed > 0 ? missingOf(userid) : undefined;
    const all = missing === undefined ? figures : { ...figures, missing };
    const result = { userid, isOk, at, master: host, reason: round.failure?.reason };
    status.recordResult({ ...result, kind: 'sync', figures: all });
    if (round.isFull) status.recordResult({ ...result, kind: 'compare' });
    if (round.isGone && isOk) status.recordResult({ ...result, kind: 'gone' });
    status.recordCount('rounds', isOk ? 'ok' : 'failed');
    status.recordCount('messages', '', round.messages);
    status.recordCount('bytes', '', round.bytes);
    status.recordMaster({ host, seenAt: at, lagSeconds: round.lagSeconds });
  }
}
