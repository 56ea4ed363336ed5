/**
 * A difference between a backup and the live server, and how bad it is.
 *
 * Servers number most changes (modseqs). A change with a number above the backup's last one came
 * after the last replication: the backup is behind, but not wrong. Some things have no number, for
 * example subscriptions. Whether such a difference is a recent change shows only with time.
 */
import { createHash } from 'node:crypto';

export type Verdict =
  | 'wrong' // no change since the last replication explains it
  | 'later' // the server changed it since the last replication
  | 'undated'; // the protocol has no number that would tell

/** What differs. The words are those of the report. */
export type DifferingThing =
  | 'mailbox'
  | 'uniqueid'
  | 'uidvalidity'
  | 'last uid'
  | 'modseq'
  | 'checksum'
  | 'index'
  | 'record'
  | 'message'
  | 'type'
  | 'acl'
  | 'options'
  | 'quota root'
  | 'annotation'
  | 'seen state'
  | 'subscription'
  | 'script'
  | 'active script'
  | 'quota'
  | 'backup';

export interface Difference {
  readonly what: DifferingThing;
  readonly verdict: Verdict;
  /** Internal name, a byte string; undefined for what belongs to the user. */
  readonly mailbox?: string;
  readonly uid?: number;
  /** The name of the script, the annotation, the subscription, ... */
  readonly name?: string;
  /** What the backup has; undefined if it has nothing. */
  readonly backup?: string;
  /** What the server has; undefined if it has nothing. */
  readonly server?: string;
  /** When the backup's side arrived, unix seconds. */
  readonly since?: number;
  /** An explanation, or what to do. */
  readonly note?: string;
}

/** Identifies a difference across runs, as long as the backup's side stays as it is. */
export function fingerprintOf({ what, mailbox, uid, name, backup }: Difference): string {
  const identity = JSON.stringify([what, mailbox, uid, name, backup]);
  return createHash('sha256').update(identity, 'latin1').digest('hex').slice(0, 24);
}

/** Formats the place and nature of a difference in one line, as a byte string. */
export function differenceText(difference: Difference): string {
  const { what, mailbox, uid, name, backup, server, note } = difference;
  const place = [mailbox, uid === undefined ? undefined : `UID ${uid}`].filter((part) => part !== undefined);
  const thing = name === undefined ? what : `${what} ${name}`;
  const sides = `backup ${backup ?? 'has none'}, server ${server ?? 'has none'}`;
  const head = place.length === 0 ? thing : `${place.join(' ')}: ${thing}`;
  return `${head}: ${sides}${note === undefined ? '' : ` (${note})`}`;
}
