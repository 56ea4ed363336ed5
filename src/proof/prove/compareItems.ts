/**
 * Compares what a user has besides mailboxes: scripts and the active one, subscriptions, quotas and
 * seen state.
 */
import { createHash } from 'node:crypto';
import type { Item, ItemKind } from '../../index/types.ts';
import {
  getString,
  optionalBigInt,
  optionalNumber,
  optionalString,
  toKeyValues,
} from '../../protocol/dlist.ts';
import type { KeyValues } from '../../protocol/dlist.ts';
import { parseDlist } from '../../protocol/parseText.ts';
import { printDlist } from '../../protocol/print.ts';
import { nowSeconds } from '../../mailbox/timestamp.ts';
import { scriptName } from '../../restore/cyrus/state/userItems.ts';
import type { ServerItems } from '../../restore/cyrus/state/userItems.ts';
import { sides } from './compareMailbox.ts';
import type { Difference, Verdict } from './difference.ts';

/** Reads the backup's items of one kind. */
export type OwnItems = (kind: ItemKind) => readonly Item[];

/** A difference in a script that is older than this is no replacement on its way, in seconds. */
const RECENT_S = 10;

/** `texts`: the SHA-1 of each script's text on the server, which its GUID should be. */
export function compareItems(
  own: OwnItems,
  server: ServerItems,
  texts: ReadonlyMap<string, string>,
): Difference[] {
  return [
    ...compareScripts(own('sieve'), server),
    ...damagedScripts(server, texts),
    ...compareActive(own('active'), server),
    ...compareSubscriptions(own('sub'), server),
    ...compareSeen(own('seen'), server),
  ];
}

function* compareScripts(items: readonly Item[], server: ServerItems): Generator<Difference> {
  const missing = new Map(server.scripts);
  for (const item of items) {
    const kv = toKeyValues(parseDlist(item.value), 'SIEVE');
    const guid = createHash('sha1').update(getString(kv, 'CONTENT'), 'latin1').digest('hex');
    const there = server.scripts.get(item.key);
    missing.delete(item.key);
    if (there?.guid === guid) continue;
    const updated = optionalNumber(kv, 'LAST_UPDATE') ?? 0;
    const verdict = there === undefined ? 'undated' : scriptVerdict(there.lastUpdate, updated);
    yield { what: 'script', verdict, name: item.key, since: item.since, ...sides(guid, there?.guid) };
  }
  for (const [name, { guid }] of missing) {
    yield { what: 'script', verdict: 'undated', name, ...sides(undefined, guid) };
  }
}

/**
 * The server's time of an unchanged script is the one that it had sent. Two changes may have the
 * same second: a script that is only seconds old may have been replaced in it.
 */
function scriptVerdict(server: number, own: number): Verdict {
  const isRecent = Math.abs(nowSeconds() - server) < RECENT_S;
  return server === 0 || (server === own && isRecent) ? 'undated' : newerThan(server, own);
}

function* damagedScripts(server: ServerItems, texts: ReadonlyMap<string, string>): Generator<Difference> {
  for (const [name, { guid }] of server.scripts) {
    const text = texts.get(name);
    if (text === guid || guid === '') continue;
    const fault = text === undefined ? 'cannot read its text' : `has the text ${text}, whose GUID is ${guid}`;
    yield { what: 'script', verdict: 'wrong', name, server: fault, note: "the server's own copy is damaged" };
  }
}

function newerThan(server: number, own: number): Verdict {
  return server > own ? 'later' : 'wrong';
}

function* compareActive([item]: readonly Item[], server: ServerItems): Generator<Difference> {
  const file =
    item === undefined
      ? undefined
      : getString(toKeyValues(parseDlist(item.value), 'ACTIVATE_SIEVE'), 'FILENAME');
  const own = file === undefined ? undefined : scriptName(file);
  if (own === server.active) return;
  const since = item === undefined ? {} : { since: item.since };
  yield { what: 'active script', verdict: 'undated', ...since, ...sides(own, server.active) };
}

function* compareSubscriptions(items: readonly Item[], server: ServerItems): Generator<Difference> {
  const missing = new Set(server.subscriptions);
  for (const { key, since } of items) {
    if (missing.delete(key)) continue;
    yield { what: 'subscription', verdict: 'undated', name: key, since, ...sides('subscribed', undefined) };
  }
  for (const name of missing)
    yield { what: 'subscription', verdict: 'undated', name, ...sides(undefined, 'subscribed') };
}

function* compareSeen(items: readonly Item[], server: ServerItems): Generator<Difference> {
  const missing = new Map(server.seen);
  for (const item of items) {
    const own = toKeyValues(parseDlist(item.value), 'SEEN');
    const there = missing.get(item.key);
    missing.delete(item.key);
    const [ours, theirs] = [own, there].map((kv) => (kv === undefined ? undefined : seenOf(kv)));
    if (ours === theirs) continue;
    const verdict =
      there === undefined
        ? 'undated'
        : newerThan(optionalNumber(there, 'LASTCHANGE') ?? 0, optionalNumber(own, 'LASTCHANGE') ?? 0);
    yield { what: 'seen state', verdict, name: item.key, since: item.since, ...sides(ours, theirs) };
  }
  for (const [name, kv] of missing)
    yield { what: 'seen state', verdict: 'undated', name, ...sides(undefined, seenOf(kv)) };
}

function seenOf(kv: KeyValues): string {
  return `${optionalNumber(kv, 'LASTUID') ?? 0} (${optionalString(kv, 'SEENUIDS') ?? ''})`;
}

/** `server` holds the quotas by root. */
export function* compareQuotas(
  items: readonly Item[],
  server: ReadonlyMap<string, KeyValues>,
): Generator<Difference> {
  const missing = new Map(server);
  for (const item of items) {
    const own = toKeyValues(parseDlist(item.value), 'QUOTA');
    const there = missing.get(item.key);
    missing.delete(item.key);
    const [ours, theirs] = [own, there].map((kv) => (kv === undefined ? undefined : limitsOf(kv)));
    if (ours === theirs) continue;
    const [mine, other] = [own, there].map((kv) =>
      kv === undefined ? undefined : optionalBigInt(kv, 'MODSEQ'),
    );
    const isNumbered = mine !== undefined && other !== undefined;
    const verdict: Verdict = !isNumbered ? 'undated' : other > mine ? 'later' : 'wrong';
    yield { what: 'quota', verdict, name: item.key, since: item.since, ...sides(ours, theirs) };
  }
  for (const [name, kv] of missing)
    yield { what: 'quota', verdict: 'undated', name, ...sides(undefined, limitsOf(kv)) };
}

function limitsOf(kv: KeyValues): string {
  return kv.entries
    .filter(([key]) => key !== 'ROOT' && key !== 'MODSEQ')
    .map(([key, value]) => `${key} ${printDlist(value, 'log')}`)
    .toSorted()
    .join(' ');
}
