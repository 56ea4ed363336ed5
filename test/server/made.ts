/** Made-up commands of a master: messages, and mailboxes that record them. */
import { createHash } from 'node:crypto';
import { recordCrc } from '../../src/protocol/crc.ts';

/** Unix time of whatever has no other. */
const MADE_AT = 1_700_000_000;

/** A message, in latin1, of about 90 bytes. */
export function message(name: string): string {
  return `From: Carl <carl@example.com>\r\nSubject: ${name}\r\n\r\nThe lighthouse keeper's note about ${name}.\r\n`;
}

export function guidOf(body: string): string {
  return createHash('sha1').update(body, 'latin1').digest('hex');
}

function file(body: string, guid = guidOf(body)): string {
  return `%{default ${guid} ${body.length}}\r\n${body}`;
}

/** APPLY MESSAGE of all bodies in one command. */
export function upload(...bodies: string[]): Buffer {
  return Buffer.from(`APPLY MESSAGE (${bodies.map((body) => file(body)).join(' ')})\r\n`, 'latin1');
}

/** APPLY MESSAGE of a body under a GUID that is not its own. */
export function uploadAs(guid: string, body: string): Buffer {
  return Buffer.from(`APPLY MESSAGE (${file(body, guid)})\r\n`, 'latin1');
}

export interface MadeMailbox {
  readonly name: string;
  /** The name's, where it is not given. */
  readonly uniqueid?: string;
  /** Of UID 1 and on, modseq UID + 1. */
  readonly bodies?: readonly string[];
  /** Only these are sent as records; all where it is not given. */
  readonly uids?: readonly number[];
  readonly flags?: string;
  /** SYNC_CRC, where it is not to be that of the bodies. */
  readonly crc?: number;
  /** What else the master says of it. */
  readonly extra?: string;
}

/** APPLY MAILBOX, as of a master that has just all of the bodies; those that are not sent have no flags. */
export function apply(made: MadeMailbox): string {
  const { name, uniqueid = idOf(name), bodies = [], uids = bodies.map((_, at) => at + 1), extra = '' } = made;
  const sent = (made.flags ?? '').split(' ').filter((flag) => flag !== '');
  const records = bodies.map((body, at) =>
    madeRecord(at + 1, at + 2, body, uids.includes(at + 1) ? sent : []),
  );
  const crc = made.crc ?? crcOf(records);
  const said = uids.map((uid) => records[uid - 1] ?? madeRecord(uid, uid + 1, '', sent));
  const state = { name, uniqueid, lastUid: bodies.length, modseq: bodies.length + 1, crc };
  return mailboxLine(state, said, extra);
}

/** A record as a made-up master has it: its INTERNALDATE follows from the UID. */
export interface MadeRecord {
  readonly uid: number;
  readonly modseq: number;
  readonly guid: string;
  readonly size: number;
  readonly flags: readonly string[];
}

export function madeRecord(
  uid: number,
  modseq: number,
  body: string,
  flags: readonly string[] = [],
): MadeRecord {
  return { uid, modseq, guid: guidOf(body), size: body.length, flags };
}

/** SYNC_CRC of a mailbox that has just these. */
export function crcOf(records: readonly MadeRecord[]): number {
  return records.reduce((sum, { uid, modseq, guid, flags }) => {
    const internaldate = MADE_AT + uid;
    return (sum ^ recordCrc({ uid, modseq, lastUpdated: MADE_AT, flags, internaldate, guid })) >>> 0;
  }, 0);
}

interface MadeState {
  readonly name: string;
  readonly uniqueid: string;
  readonly lastUid: number;
  readonly modseq: number;
  readonly crc: number;
}

/** APPLY MAILBOX of a mailbox's state and some of its records; `extra` is what else the master says of it. */
export function mailboxLine(
  { name, uniqueid, lastUid, modseq, crc }: MadeState,
  records: readonly MadeRecord[],
  extra = '',
): string {
  const state =
    `UNIQUEID ${uniqueid} MBOXNAME "${name}" LAST_UID ${lastUid} HIGHESTMODSEQ ${modseq} ` +
    `RECENTUID 0 RECENTTIME 0 LAST_APPENDDATE ${MADE_AT} POP3_LAST_LOGIN 0 POP3_SHOW_AFTER 0 UIDVALIDITY ${MADE_AT} ` +
    `PARTITION default ACL "" OPTIONS P SYNC_CRC ${crc} SYNC_CRC_ANNOT 12345678`;
  return `APPLY MAILBOX %(${state}${extra} RECORD (${records.map(recordText).join(' ')}))\r\n`;
}

function recordText({ uid, modseq, guid, size, flags }: MadeRecord): string {
  return (
    `%(UID ${uid} MODSEQ ${modseq} LAST_UPDATED ${MADE_AT} FLAGS (${flags.join(' ')}) INTERNALDATE ${MADE_AT + uid} ` +
    `SIZE ${size} GUID ${guid})`
  );
}

export function idOf(name: string): string {
  return `id-${name.replaceAll(/[^a-z0-9]/gi, '-')}`;
}

/** A key's value in a line of answer. */
export function valueOf(line: string | undefined, key: string): string | undefined {
  return new RegExp(` ?\\(?${key} ("[^"]*"|[^ )]+)`).exec(line ?? '')?.[1];
}
