/**
 * Summarizes the results of all users: by domain, by kind of check, and the worst users. Reads the
 * status store in pages and yields between them, so that a scrape of many users delays no session.
 *
 * The size of a summary is bounded: by MOST_DOMAINS, by the number of users asked for, and by the
 * kinds of results.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { StatusReader } from './statusReader.ts';
import { RESULT_KINDS, WHOLE_STORE, newest } from './types.ts';
import type { Master, ResultKind, UserResults } from './types.ts';

/** The domains with the most users are told apart, the others are summed up as OTHER_DOMAINS. */
const MOST_DOMAINS = 100;
const OTHER_DOMAINS = 'other';
const NO_DOMAIN = 'none';
const USERS_A_PAGE = 200;

/** Kinds that are checks of what is stored, rather than events of replication. */
const CHECK_KINDS = RESULT_KINDS.filter((kind) => kind !== 'sync' && kind !== 'compare' && kind !== 'gone');

/** What counts of one user. Times are unix seconds. */
export interface UserSummary {
  readonly userid: string;
  /** The last time at which the backup is known to have been in step; 0: never. */
  readonly syncedAt: number;
  /** Undefined: the last round succeeded. */
  readonly failingSince: number | undefined;
  readonly missing: number;
}

export interface DomainSummary {
  users: number;
  failing: number;
  neverCompared: number;
  missing: number;
  oldestSync: number;
  /** Infinity: nobody was ever compared. */
  oldestCompare: number;
}

export interface CheckSummary {
  failed: number;
  /** Infinity: no user has a success. */
  oldestSuccess: number;
  /** 0: there is no success. */
  lastSuccess: number;
}

export interface Summary {
  readonly domains: ReadonlyMap<string, DomainSummary>;
  readonly checks: ReadonlyMap<ResultKind, CheckSummary>;
  /** The users who were synced the longest ago, the longest first. */
  readonly stalest: readonly UserSummary[];
  /** The users with the most missing messages, of those with any. */
  readonly mostMissing: readonly UserSummary[];
}

/** Whether the account was removed on the master, and not made again. */
function isGone({ ok }: UserResults): boolean {
  return ok.gone !== undefined && ok.gone.at >= (ok.sync?.at ?? 0);
}

/**
 * Returns what counts of a user; undefined if no master has ever synced the user, or the account is
 * gone.
 *
 * A user who did not change is not named by a rolling sync_client. So the user counts as synced as
 * long as such a client on the user's master shows that it runs, unless the last round failed.
 */
function summaryOf(results: UserResults, masters: ReadonlyMap<string, Master>): UserSummary | undefined {
  const last = newest(results, 'sync');
  if (last === undefined || isGone(results)) return undefined;
  const { userid, ok } = results;
  const missing = ok.sync?.figures?.['missing'] ?? 0;
  const syncedAt = ok.sync?.at ?? 0;
  if (!last.isOk) return { userid, syncedAt, failingSince: last.since, missing };
  const rollingAt = masters.get(last.master ?? '')?.rollingAt ?? 0;
  return { userid, syncedAt: Math.max(syncedAt, rollingAt), failingSince: undefined, missing };
}

/** Reads and summarizes the whole store. `mostUsers` bounds each list of users. */
export async function readSummary(reader: StatusReader, mostUsers: number): Promise<Summary> {
  const masters = new Map(reader.readMasters().map((master) => [master.host, master]));
  const domains = new Map<string, DomainSummary>();
  const checks = new Map<ResultKind, CheckSummary>();
  const stalest = new Worst(mostUsers, (user) => -user.syncedAt);
  const mostMissing = new Worst(mostUsers, (user) => user.missing);
  addChecks(checks, reader.readUser(WHOLE_STORE));
  for (let after = WHOLE_STORE; ;) {
    const page = reader.readUsers(after, USERS_A_PAGE);
    for (const results of page) {
      addChecks(checks, results);
      const user = summaryOf(results, masters);
      if (user === undefined) continue;
      addUser(domains, user, results.ok.compare?.at);
      stalest.add(user);
      if (user.missing > 0) mostMissing.add(user);
    }
    const last = page.at(-1);
    if (last === undefined) break;
    after = last.userid;
    await nextTurn();
  }
  return { domains: largest(domains), checks, stalest: stalest.list(), mostMissing: mostMissing.list() };
}

function domainOf(userid: string): string {
  const at = userid.lastIndexOf('@');
  return at < 0 ? NO_DOMAIN : userid.slice(at + 1);
}

function addUser(
  domains: Map<string, DomainSummary>,
  user: UserSummary,
  comparedAt: number | undefined,
): void {
  const one: DomainSummary = {
    users: 1,
    failing: user.failingSince === undefined ? 0 : 1,
    neverCompared: comparedAt === undefined ? 1 : 0,
    missing: user.missing,
    oldestSync: user.syncedAt,
    oldestCompare: comparedAt ?? Infinity,
  };
  const domain = domainOf(user.userid);
  const known = domains.get(domain);
  if (known === undefined) domains.set(domain, one);
  else addDomain(known, one);
}

function addDomain(to: DomainSummary, more: DomainSummary): void {
  to.users += more.users;
  to.failing += more.failing;
  to.neverCompared += more.neverCompared;
  to.missing += more.missing;
  to.oldestSync = Math.min(to.oldestSync, more.oldestSync);
  to.oldestCompare = Math.min(to.oldestCompare, more.oldestCompare);
}

function addChecks(checks: Map<ResultKind, CheckSummary>, results: UserResults): void {
  for (const kind of CHECK_KINDS) {
    const last = newest(results, kind);
    if (last === undefined) continue;
    const known = checks.get(kind) ?? { failed: 0, oldestSuccess: Infinity, lastSuccess: 0 };
    checks.set(kind, known);
    const succeededAt = results.ok[kind]?.at;
    if (!last.isOk) known.failed += 1;
    if (succeededAt === undefined) continue;
    known.oldestSuccess = Math.min(known.oldestSuccess, succeededAt);
    known.lastSuccess = Math.max(known.lastSuccess, succeededAt);
  }
}

/** Keeps the domains with the most users, and sums the others up. */
function largest(domains: ReadonlyMap<string, DomainSummary>): ReadonlyMap<string, DomainSummary> {
  if (domains.size <= MOST_DOMAINS) return domains;
  const sorted = [...domains].toSorted(([, a], [, b]) => b.users - a.users);
  const kept = new Map(sorted.slice(0, MOST_DOMAINS));
  for (const [, more] of sorted.slice(MOST_DOMAINS)) {
    const others = kept.get(OTHER_DOMAINS);
    if (others === undefined) kept.set(OTHER_DOMAINS, { ...more });
    else addDomain(others, more);
  }
  return kept;
}

/** The users with the highest ranks. */
class Worst {
  readonly #most: number;
  readonly #rankOf: (user: UserSummary) => number;
  #users: UserSummary[] = [];

  constructor(most: number, rankOf: (user: UserSummary) => number) {
    this.#most = most;
    this.#rankOf = rankOf;
  }

  add(user: UserSummary): void {
    this.#users.push(user);
    if (this.#users.length >= 2 * this.#most + USERS_A_PAGE) this.#users = this.list();
  }

  list(): UserSummary[] {
    return this.#users.toSorted((a, b) => this.#rankOf(b) - this.#rankOf(a)).slice(0, this.#most);
  }
}
