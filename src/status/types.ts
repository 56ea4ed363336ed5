/**
 * The values that the status store keeps. All times are unix seconds and may have a fraction.
 */

/**
 * The kinds of result that are kept, the newest success and the newest failure of each, by user.
 *
 * - sync: a round of a master that named the user.
 * - compare: a round in which the master compared all of the user's mailboxes (GET USER).
 * - gone: the master reported that the account was removed (UNUSER).
 * - verify, compact, scrub, prove, drill, alarm: what the commands of these names found.
 */
export const RESULT_KINDS = [
  'sync',
  'compare',
  'gone',
  'verify',
  'compact',
  'scrub',
  'prove',
  'drill',
  'alarm',
] as const;

export type ResultKind = (typeof RESULT_KINDS)[number];

/** The userid under which a result about the whole store is kept. */
export const WHOLE_STORE = '';

/** Numbers that describe a result, such as `{ mailboxes: 6, new: 31 }`. */
export type Figures = Readonly<Record<string, number>>;

export interface NewResult {
  /** A userid, or WHOLE_STORE. */
  readonly userid: string;
  readonly kind: ResultKind;
  readonly isOk: boolean;
  readonly at: number;
  /** Why it failed, or what a person should know. Cut at 500 characters. */
  readonly reason?: string | undefined;
  /** Cut to 20 figures. */
  readonly figures?: Figures | undefined;
  /** The host of the master, for kinds that a master causes. */
  readonly master?: string | undefined;
}

export interface Result extends NewResult {
  /** For a failure: the time of the first failure since the last success. Otherwise `at`. */
  readonly since: number;
}

/** All results of one user: of each kind, the last success and the last failure. */
export interface UserResults {
  readonly userid: string;
  readonly ok: Readonly<Partial<Record<ResultKind, Result>>>;
  readonly failed: Readonly<Partial<Record<ResultKind, Result>>>;
}

export interface Master {
  /** The address of the host, or `unix` for a unix socket. */
  readonly host: string;
  /** When it last logged in or sent a command. */
  readonly seenAt: number;
  /** When it last showed that a rolling sync_client follows all changes. */
  readonly rollingAt?: number | undefined;
  /** The age of the newest change that it sent, when that arrived, in seconds. */
  readonly lagSeconds?: number | undefined;
}

/** A number that only grows, such as the refusals of one kind. */
export interface Counter {
  readonly name: string;
  readonly label: string;
  readonly value: number;
}

/** A number as it was at a time, such as the free bytes of a partition. */
export interface Gauge extends Counter {
  readonly at: number;
}

/** The newest result of a kind, whether success or failure; undefined if there is none. */
export function newest(results: UserResults, kind: ResultKind): Result | undefined {
  const [ok, failed] = [results.ok[kind], results.failed[kind]];
  if (ok === undefined || failed === undefined) return ok ?? failed;
  return failed.at > ok.at ? failed : ok;
}
