/**
 * Finds options of imapd.conf that nobody reads: misspelt ones, and ones that no program knows. A
 * name that is not this project's own may be an option of Cyrus, or one of those with the name of a
 * service or a channel before it (`imap_timeout`, `backup_sync_host`).
 */
import { CYRUS_OPTIONS, NAMED_OPTIONS } from './cyrusOptions.ts';
import { KEYS } from './keys.ts';
import type { KeySpec } from './keySpec.ts';
import type { Setting } from './lines.ts';

/** More wrong letters than this are another word. */
const MOST_WRONG = 3;

const OWN = new Map<string, KeySpec>((KEYS as readonly KeySpec[]).map((spec) => [spec.name, spec]));

export interface UnknownKey {
  readonly setting: Setting;
  /** The known option that is spelt most like it; undefined if none is similar. */
  readonly similar: string | undefined;
}

/** Returns the options that neither this project nor any release of Cyrus knows. */
export function unknownKeys(settings: Iterable<Setting>): UnknownKey[] {
  return [...settings]
    .filter(({ key }) => !isKnown(key))
    .map((setting) => ({ setting, similar: similarKey(setting.key) }));
}

/** Returns the older names that are set, each with the option's present name. */
export function olderNames(settings: Iterable<Setting>): { setting: Setting; newer: string }[] {
  return [...settings].flatMap((setting) => {
    const newer = OWN.get(setting.key)?.replacedBy;
    return newer === undefined ? [] : [{ setting, newer }];
  });
}

function isKnown(key: string): boolean {
  if (OWN.has(key) || CYRUS_OPTIONS.has(key)) return true;
  if (NAMED_OPTIONS.some((prefix) => key.startsWith(prefix) && key.length > prefix.length)) return true;
  for (let at = key.indexOf('_'); at > 0; at = key.indexOf('_', at + 1)) {
    const rest = key.slice(at + 1);
    if (OWN.has(rest) || CYRUS_OPTIONS.has(rest)) return true;
  }
  return false;
}

function similarKey(key: string): string | undefined {
  const dash = key.indexOf('-');
  if (dash > 0) {
    const prefix = mostSimilar(key.slice(0, dash + 1), NAMED_OPTIONS);
    if (prefix !== undefined) return prefix + key.slice(dash + 1);
  }
  return mostSimilar(key, [...OWN.keys(), ...CYRUS_OPTIONS]);
}

function mostSimilar(key: string, names: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Math.min(MOST_WRONG, Math.floor(key.length / 3)) + 1;
  for (const name of names) {
    const distance = editDistance(key, name, least);
    if (distance < least) [best, least] = [name, distance];
  }
  return best;
}

/** Counts the letters to change, insert or remove; `most` if there are at least as many. */
function editDistance(one: string, other: string, most: number): number {
  if (Math.abs(one.length - other.length) >= most) return most;
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let at = 1; at <= one.length; at += 1) {
    const next = [at];
    for (let to = 1; to <= other.length; to += 1) {
      const isSame = one[at - 1] === other[to - 1];
      const [above, left, corner] = [row[to] ?? 0, next[to - 1] ?? 0, row[to - 1] ?? 0];
      next.push(Math.min(above + 1, left + 1, corner + (isSame ? 0 : 1)));
    }
    row = next;
  }
  return Math.min(most, row[other.length] ?? most);
}
