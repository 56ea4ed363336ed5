/**
 * Searches the backups of several users, one after another. With a limit, only the newest hits of
 * all are wanted: each user's search ends where its hits are older than those found already.
 */
import { BackupError, messageOf } from '../errors.ts';
import type { IndexFile } from '../index/store/indexFile.ts';
import type { Query } from './query/syntax.ts';
import { searchBackup } from './searchBackup.ts';
import type { Hit, SearchReport } from './searchBackup.ts';

export interface SearchedUser {
  readonly userid: string;
  readonly path: string;
}

export interface UsersSearch {
  readonly query: Query;
  readonly deletedPrefix: string;
  readonly withText: boolean;
  /** undefined: all hits, each user's together; else the newest of all users. */
  readonly limit: number | undefined;
  /** Called for each user whose backup is opened. */
  readonly onOpen?: (userid: string, index: IndexFile) => void;
  /** Called for a user whose backup cannot be searched; the search goes on. */
  readonly onFailure: (userid: string, reason: string) => void;
}

/** Yields the hits. With a limit, the first one comes after the last user was searched. */
export function* searchUsers(
  users: Iterable<SearchedUser>,
  search: UsersSearch,
  report: SearchReport,
): Generator<Hit> {
  const { limit } = search;
  if (limit === undefined) {
    for (const user of users) yield* hitsOf(user, search, report, () => -Infinity);
    return;
  }
  let newest: Hit[] = [];
  const cutoff = (): number =>
    newest.length < limit ? -Infinity : (newest.at(-1)?.record.internaldate ?? -Infinity);
  for (const user of users) {
    let taken = 0;
    for (const hit of hitsOf(user, search, report, cutoff)) {
      newest = inserted(newest, hit).slice(0, limit);
      taken += 1;
      if (taken === limit) break;
    }
  }
  yield* newest;
}

/** Inserts a hit into a list that is ordered by date, the newest first. */
function inserted(hits: readonly Hit[], hit: Hit): Hit[] {
  const date = hit.record.internaldate;
  const at = hits.findIndex(({ record }) => record.internaldate < date);
  return at === -1 ? [...hits, hit] : [...hits.slice(0, at), hit, ...hits.slice(at)];
}

function* hitsOf(
  { userid, path }: SearchedUser,
  search: UsersSearch,
  report: SearchReport,
  newerThan: () => number,
): Generator<Hit> {
  const { query, deletedPrefix, withText, onOpen } = search;
  const options = {
    userid,
    path,
    query,
    deletedPrefix,
    withText,
    newerThan,
    ...(onOpen === undefined ? {} : { onOpen: (index: IndexFile) => onOpen(userid, index) }),
  };
  try {
    yield* searchBackup(options, report);
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    search.onFailure(userid, messageOf(error));
  }
}
