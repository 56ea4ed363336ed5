/** Prints what prove found of one user: for a terminal, and as a line of the report. */
import type { Config } from '../../../config/imapdConf.ts';
import { toAdmin } from '../../../mailbox/names.ts';
import { timestampText } from '../../../mailbox/timestamp.ts';
import { differenceText } from '../../../proof/prove/difference.ts';
import type { Difference } from '../../../proof/prove/difference.ts';
import type { ProvenUser } from '../../../proof/prove/proveSite.ts';
import { textOf } from '../../common/text.ts';

/** Each user shows this many differences on the terminal. The report has all. */
const MOST_SHOWN = 10;

/** Nothing is printed for a user whose backup is proved. */
export function userLines(user: ProvenUser, config: Config): string[] {
  const name = textOf(user.userid);
  if (user.verdict === 'proved') return [];
  if (user.reason !== undefined) return [`${name}: ${user.verdict}: ${textOf(user.reason)}`];
  const shown = user.differences.slice(0, MOST_SHOWN);
  const lines = shown.map((difference) => {
    const verdict = difference.verdict === 'wrong' ? 'wrong' : 'behind';
    const text = textOf(differenceText(inAdminsWords(difference, config)));
    return `${name}: ${verdict}: ${text}${between(user, difference)}`;
  });
  const more = user.differences.length - shown.length;
  return more === 0 ? lines : [...lines, `${name}: ${more} more differences are in the report`];
}

function inAdminsWords(difference: Difference, config: Config): Difference {
  const { mailbox } = difference;
  if (mailbox === undefined) return difference;
  const options = { unixHierarchySep: config.unixhierarchysep, virtDomains: config.virtdomains !== 'off' };
  return { ...difference, mailbox: toAdmin(mailbox, options) };
}

/** Says when a difference appeared: between two runs. */
function between(
  { provedBefore }: ProvenUser,
  difference: Difference & { readonly firstSeen: number },
): string {
  if (difference.verdict !== 'wrong') return '';
  const seen = `; first seen ${timestampText(difference.firstSeen)}`;
  const isKnown = provedBefore !== null && provedBefore <= difference.firstSeen;
  return isKnown ? `${seen}, proved before at ${timestampText(provedBefore)}` : seen;
}

/** Returns the line of the report, in which byte strings are text. */
export function reportLine({ userid, differences, reason, ...figures }: ProvenUser): object {
  const named = reason === undefined ? {} : { reason: textOf(reason) };
  return { user: textOf(userid), ...figures, ...named, differences: differences.map(withTexts) };
}

function withTexts(difference: Difference): object {
  const entries: [string, unknown][] = Object.entries(difference);
  return Object.fromEntries(
    entries.map(([key, value]) => [key, typeof value === 'string' ? textOf(value) : value]),
  );
}
