/** Pairs the mailboxes of a backup with those of the server, and compares each pair. */
import { deletedAtOf, sharedUserid } from '../../mailbox/names.ts';
import { optionalBigInt } from '../../protocol/dlist.ts';
import type { ServerMailbox } from '../../restore/cyrus/state/serverState.ts';
import { compareMailbox } from './compareMailbox.ts';
import type { Difference, Verdict } from './difference.ts';
import type { OwnMailbox, OwnUser } from './ownUser.ts';
import type { ServerUser } from './serverUser.ts';

export interface Pair {
  readonly own: OwnMailbox;
  readonly server: ServerMailbox;
  readonly differences: readonly Difference[];
}

export interface ComparedMailboxes {
  readonly pairs: readonly Pair[];
  /** Mailboxes of the server that the backup lacks. */
  readonly notBackedUp: readonly Difference[];
  /** Mailboxes of the backup about which the server says nothing. */
  readonly notThere: readonly OwnMailbox[];
}

export interface BackupAge {
  readonly userid: string;
  /** When the backup's last line arrived, unix seconds. */
  readonly lastTime: number;
  readonly deletedPrefix: string;
}

export function compareMailboxes(own: OwnUser, server: ServerUser, age: BackupAge): ComparedMailboxes {
  const byName = new Map([...server.mailboxes.values()].map((mailbox) => [mailbox.name, mailbox]));
  const unpaired = new Set(server.mailboxes.keys());
  const pairs: Pair[] = [];
  const notThere: OwnMailbox[] = [];
  for (const each of own.mailboxes.values()) {
    const { uniqueid, name } = each.mailbox;
    const there = server.mailboxes.get(uniqueid) ?? byName.get(name);
    if (there === undefined) {
      // A server forgets deleted mailboxes after a while, and does not say so.
      if (deletedAtOf(name, age.deletedPrefix) === undefined) notThere.push(each);
      continue;
    }
    unpaired.delete(there.uniqueid);
    pairs.push({ own: each, server: there, differences: compareMailbox(each, there) });
  }
  const left = [...unpaired].flatMap((uniqueid) => server.mailboxes.get(uniqueid) ?? []);
  return { pairs, notThere, notBackedUp: left.map((mailbox) => notBackedUp(mailbox, own, age)) };
}

function notBackedUp(server: ServerMailbox, own: OwnUser, age: BackupAge): Difference {
  return {
    what: 'mailbox',
    verdict: verdictOfNew(server, own, age),
    mailbox: server.name,
    server: `uniqueid ${server.uniqueid}, last UID ${server.lastUid}`,
    note: 'no backup has it',
  };
}

/**
 * A master replicates a round in any order: a mailbox that was created before the backup's last
 * line may still be on its way.
 */
const ROUND_S = 600;

/** All mailboxes of a user take their numbers from one counter. Shared mailboxes do not. */
function verdictOfNew(server: ServerMailbox, own: OwnUser, age: BackupAge): Verdict {
  // A new mailbox gets the time as its UIDVALIDITY.
  if (server.uidvalidity > age.lastTime - ROUND_S) return 'later';
  const created = optionalBigInt(server.state, 'CREATEDMODSEQ');
  if (created === undefined || age.userid === sharedUserid)
    return server.isIntermediate ? 'undated' : 'wrong';
  let last = 0n;
  for (const { mailbox } of own.mailboxes.values()) {
    const modseq = BigInt(mailbox.highestmodseq);
    if (modseq > last) last = modseq;
  }
  return created > last ? 'later' : 'wrong';
}
