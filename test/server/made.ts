/** Made-up commands of a master: messages, and mailboxes that record them. */
import { createHash } from 'node:crypto';
import { recordCrc } from '../../src/protocol/crc.ts';

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
  const flags = made.flags ?? '';
  const records = uids.map((uid) => record(uid, bodies[uid - 1] ?? '', flags));
  const crcs = bodies.map((body, at) => crcOf(at + 1, body, uids.includes(at + 1) ? flags : ''));
  const crc = made.crc ?? crcs.reduce((sum, of) => (sum ^ of) >>> 0, 0);
  const state =
    `UNIQUEID ${uniqueid} MBOXNAME "${name}" LAST_UID ${bodies.length} HIGHESTMODSEQ ${bodies.length + 1} ` +
    `RECENTUID 0 RECENTTIME 0 LAST_APPENDDATE 1700000000 POP3_LAST_LOGIN 0 POP3_SHOW_AFTER 0 UIDVALIDITY 1700000000 ` +
    `PARTITION default ACL "" OPTIONS P SYNC_CRC ${crc} SYNC_CRC_ANNOT 12345678`;
  return `APPLY MAILBOX %(${state}${extra} RECORD (${records.join(' ')}))\r\n`;
}

export function idOf(name: string): string {
  return `id-${name.replaceAll(/[^a-z0-9]/gi, '-')}`;
}

function crcOf(uid: number, body: string, flags: string): number {
  const internaldate = 1_700_000_000 + uid;
  const words = flags.split(' ').filter((flag) => flag !== '');
  const of = { uid, modseq: uid + 1, lastUpdated: 1_700_000_000, flags: words, internaldate };
  return recordCrc({ ...of, guid: guidOf(body) });
}

function record(uid: number, body: string, flags: string): string {
  return (
    `%(UID ${uid} MODSEQ ${uid + 1} LAST_UPDATED 1700000000 FLAGS (${flags}) INTERNALDATE ${1_700_000_000 + uid} ` +
    `SIZE ${body.length} GUID ${guidOf(body)})`
  );
}

/** A key's value in a line of answer. */
export function valueOf(line: string | undefined, key: string): string | undefined {
  return new RegExp(` ?\\(?${key} ("[^"]*"|[^ )]+)`).exec(line ?? '')?.[1];
}
