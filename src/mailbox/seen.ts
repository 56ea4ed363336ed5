/**
 * Sets of UIDs, as SEEN's SEENUIDS hold them: `1:5,7,9:12` (cyrus-imapd lib/seqset.c). Kept as ranges, so that a set costs what
 * its text costs and not what it spans; a peer may well send 1:4294967295.
 */
import { BackupError } from '../errors.ts';

/** Ascending, without overlap, and never touching. */
export type UidSet = readonly (readonly [first: number, last: number])[];

const maxUid = 2 ** 32 - 1;

function toUid(text: string): number {
  const uid = text === '*' ? maxUid : Number(text);
  if (!/^(?:[0-9]{1,10}|\*)$/.test(text) || uid < 1 || uid > maxUid) {
    throw new BackupError('bad-parameters', `SEENUIDS: ${JSON.stringify(text.slice(0, 40))} is no UID`);
  }
  return uid;
}

/** Reads a set; the empty text is the empty set, `*` the largest UID. Throws `bad-parameters`. */
export function parseUidSet(text: string): UidSet {
  if (text === '') return [];
  const ranges = text.split(',').map((range): [number, number] => {
    const colon = range.indexOf(':');
    const first = toUid(colon === -1 ? range : range.slice(0, colon));
    const last = colon === -1 ? first : toUid(range.slice(colon + 1));
    return first <= last ? [first, last] : [last, first];
  });
  ranges.sort((one, other) => one[0] - other[0]);
  const joined: [number, number][] = [];
  for (const [first, last] of ranges) {
    const before = joined.at(-1);
    if (before !== undefined && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else joined.push([first, last]);
  }
  return joined;
}

export function printUidSet(set: UidSet): string {
  return set.map(([first, last]) => (first === last ? `${first}` : `${first}:${last}`)).join(',');
}

/** Whether the set holds the UID, in the logarithm of its ranges. */
export function containsUid(set: UidSet, uid: number): boolean {
  let low = 0;
  let high = set.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const range = set[middle]!;
    if (uid < range[0]) high = middle;
    else if (uid > range[1]) low = middle + 1;
    else return true;
  }
  return false;
}
