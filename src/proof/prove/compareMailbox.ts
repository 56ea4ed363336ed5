/**
 * Compares a mailbox of a backup with the same mailbox of the live server by state and checksums,
 * without its records. The backup was read before the server, so a server that has moved on is
 * ahead of the backup, never behind.
 */
import { annotAsCounted, isSameAsSent } from '../../index/queries/crcs.ts';
import { optionalBigInt, optionalList, optionalString, toKeyValues } from '../../protocol/dlist.ts';
import type { Dlist, KeyValues } from '../../protocol/dlist.ts';
import { printDlist } from '../../protocol/print.ts';
import type { ServerMailbox } from '../../restore/cyrus/state/serverState.ts';
import type { Difference, DifferingThing, Verdict } from './difference.ts';
import type { OwnMailbox } from './ownUser.ts';

export function compareMailbox(own: OwnMailbox, server: ServerMailbox): Difference[] {
  const found = [...identityDifferences(own, server), ...settingDifferences(own, server)];
  // A name that only has mailboxes below it holds no records.
  if (server.isIntermediate) return found;
  return [...found, ...indexDifferences(own), ...recordsDifferences(own, server)];
}

/** Reports whether the server has changed the mailbox since the backup's state. */
function isAhead({ mailbox, state }: OwnMailbox, server: ServerMailbox): boolean {
  if (server.highestModseq > BigInt(mailbox.highestmodseq)) return true;
  return (folderModseq(server.state) ?? 0n) > (folderModseq(state) ?? 0n);
}

function folderModseq(state: KeyValues): bigint | undefined {
  return optionalBigInt(state, 'FOLDERMODSEQ');
}

function* identityDifferences(own: OwnMailbox, server: ServerMailbox): Generator<Difference> {
  const { mailbox } = own;
  const verdict = isAhead(own, server) ? 'later' : 'wrong';
  const differ = (what: DifferingThing, backup: string, there: string, note?: string): Difference => ({
    what,
    verdict,
    mailbox: mailbox.name,
    backup,
    server: there,
    since: mailbox.since,
    ...(note === undefined ? {} : { note }),
  });
  if (mailbox.uniqueid !== server.uniqueid)
    yield differ('uniqueid', mailbox.uniqueid, server.uniqueid, 'another mailbox has this name now');
  if (mailbox.name !== server.name) yield differ('mailbox', mailbox.name, server.name, 'renamed');
  if (server.isIntermediate) return;
  if (mailbox.uidvalidity !== server.uidvalidity)
    yield differ('uidvalidity', String(mailbox.uidvalidity), String(server.uidvalidity));
}

/** A server that knows FOLDERMODSEQ changes it with these settings, but not with a quota root. */
const SETTINGS = [
  ['MBOXTYPE', 'type', true],
  ['ACL', 'acl', true],
  ['OPTIONS', 'options', true],
  ['QUOTAROOT', 'quota root', false],
] as const;

function* settingDifferences(own: OwnMailbox, server: ServerMailbox): Generator<Difference> {
  const { mailbox, state } = own;
  const hasNumber = folderModseq(server.state) !== undefined;
  const verdictIf = (isNumbered: boolean): Verdict =>
    isAhead(own, server) ? 'later' : isNumbered ? 'wrong' : 'undated';
  const place = { mailbox: mailbox.name, since: mailbox.since };
  for (const [key, what, isNumbered] of SETTINGS) {
    const [ours, theirs] = [state, server.state].map((each) => optionalString(each, key)?.trim() ?? '');
    const verdict = verdictIf(isNumbered && hasNumber);
    if (ours !== theirs) yield { what, verdict, ...place, ...sides(shown(ours), shown(theirs)) };
  }
  const [ours, theirs] = [state, server.state].map(annotationsOf) as [
    Map<string, string>,
    Map<string, string>,
  ];
  for (const name of new Set([...ours.keys(), ...theirs.keys()])) {
    const [one, other] = [ours.get(name), theirs.get(name)];
    if (one !== other)
      yield { what: 'annotation', verdict: verdictIf(hasNumber), ...place, name, ...sides(one, other) };
  }
}

function shown(text: string | undefined): string | undefined {
  return text === '' ? undefined : text?.replaceAll('\t', ' ');
}

/** Leaves out the key of a side that has nothing. */
export function sides(
  backup: string | undefined,
  server: string | undefined,
): Pick<Difference, 'backup' | 'server'> {
  return { ...(backup === undefined ? {} : { backup }), ...(server === undefined ? {} : { server }) };
}

/** Returns the values of a mailbox's annotations by entry and owner. */
function annotationsOf(state: KeyValues): Map<string, string> {
  const values = new Map<string, string>();
  for (const each of optionalList(state, 'ANNOTATIONS') ?? []) {
    const kv = toKeyValues(each, 'ANNOTATIONS');
    const owner = optionalString(kv, 'USERID') ?? '';
    const entry = optionalString(kv, 'ENTRY') ?? '';
    const value: Dlist = kv.get('VALUE') ?? null;
    if (value !== null && value !== '')
      values.set(owner === '' ? entry : `${entry} of ${owner}`, printDlist(value, 'log'));
  }
  return values;
}

/** Finds an index whose stored checksum is not that of its own records. */
function* indexDifferences({ mailbox, crcs }: OwnMailbox): Generator<Difference> {
  if (crcs.crc === mailbox.crc && crcs.crcAnnot === mailbox.crcAnnot) return;
  yield {
    what: 'index',
    verdict: 'wrong',
    mailbox: mailbox.name,
    backup: `stored ${mailbox.crc} ${mailbox.crcAnnot}, of its records ${crcs.crc} ${crcs.crcAnnot}`,
    note: 'ctl_backups verify --repair folds the index anew',
  };
}

function* recordsDifferences(own: OwnMailbox, server: ServerMailbox): Generator<Difference> {
  const { mailbox, crcs } = own;
  const modseq = BigInt(mailbox.highestmodseq);
  const base = { mailbox: mailbox.name, since: mailbox.changed };
  if (server.highestModseq !== modseq) {
    const isBehind = server.highestModseq > modseq;
    yield {
      ...base,
      what: 'modseq',
      verdict: isBehind ? 'later' : 'wrong',
      backup: mailbox.highestmodseq,
      server: String(server.highestModseq),
      ...(isBehind ? {} : { note: 'the server is older than the backup: was it restored?' }),
    };
    return;
  }
  if (server.lastUid !== mailbox.lastUid)
    yield {
      ...base,
      what: 'last uid',
      verdict: 'wrong',
      backup: String(mailbox.lastUid),
      server: String(server.lastUid),
    };
  const { crc, crcAnnot } = server;
  if (isSameAsSent({ crc, crcAnnot }, crcs)) return;
  yield {
    ...base,
    what: 'checksum',
    verdict: 'wrong',
    backup: `${crcs.crc} ${annotAsCounted(crcAnnot, crcs)}`,
    server: `${crc} ${crcAnnot}`,
  };
}
