/** The results of a user in the status store, as `list -j` and `stat -j` print them. */
import { RESULT_KINDS } from '../../status/types.ts';
import type { Result, UserResults } from '../../status/types.ts';

const isoTime = (seconds: number): string => new Date(seconds * 1000).toISOString();

/** Returns an object with a member for each kind of result; undefined if nothing is known. */
export function statusObject(results: UserResults): object | undefined {
  const kinds = RESULT_KINDS.flatMap((kind): [string, object][] => {
    const [ok, failed] = [results.ok[kind], results.failed[kind]];
    return ok === undefined && failed === undefined ? [] : [[kind, kindObject(ok, failed)]];
  });
  return kinds.length === 0 ? undefined : Object.fromEntries(kinds);
}

function kindObject(ok: Result | undefined, failed: Result | undefined): object {
  const isFailing = failed !== undefined && failed.at > (ok?.at ?? 0);
  return {
    last_success: ok === undefined ? undefined : isoTime(ok.at),
    last_failure: failed === undefined ? undefined : isoTime(failed.at),
    failing_since: isFailing ? isoTime(failed.since) : undefined,
    reason: isFailing ? failed.reason : undefined,
    master: (isFailing ? failed : ok)?.master,
    figures: ok?.figures,
  };
}
