/**
 * A master of one mailbox, made up: it appends, changes flags and expunges, and says each with the checksum that a real one would
 * send, so that nothing of it is refused or asked for again.
 */
import { recordCrc } from '../../src/protocol/crc.ts';
import { guidOf, idOf } from '../server/made.ts';

const LAST_UPDATED = 1_700_000_000;

interface MadeRecord {
  readonly uid: number;
  readonly guid: string;
  readonly size: number;
  readonly modseq: number;
  readonly flags: readonly string[];
}

export class MadeMaster {
  readonly #name: string;
  readonly #living = new Map<number, MadeRecord>();
  #lastUid = 0;
  #modseq = 1;
  #crc = 0;

  constructor(name: string) {
    this.#name = name;
  }

  get lastUid(): number {
    return this.#lastUid;
  }

  isLiving(uid: number): boolean {
    return this.#living.has(uid);
  }

  /** APPLY MAILBOX with new messages, which were uploaded before. */
  append(...bodies: string[]): string {
    const records = bodies.map((body): MadeRecord => {
      const uid = ++this.#lastUid;
      return { uid, guid: guidOf(body), size: body.length, modseq: ++this.#modseq, flags: [] };
    });
    for (const record of records) this.#put(record);
    return this.#say(records);
  }

  /** APPLY MAILBOX with other flags of a living message. */
  flag(uid: number, flags: readonly string[]): string {
    const record = { ...this.#take(uid), flags, modseq: ++this.#modseq };
    this.#put(record);
    return this.#say([record]);
  }

  /** APPLY MAILBOX in which a living message is expunged. */
  expunge(uid: number): string {
    const record = { ...this.#take(uid), flags: ['\\Expunged'], modseq: ++this.#modseq };
    return this.#say([record]);
  }

  #put(record: MadeRecord): void {
    this.#living.set(record.uid, record);
    this.#crc = (this.#crc ^ crcOf(record)) >>> 0;
  }

  #take(uid: number): MadeRecord {
    const record = this.#living.get(uid);
    if (record === undefined) throw new Error(`no message ${uid}`);
    this.#living.delete(uid);
    this.#crc = (this.#crc ^ crcOf(record)) >>> 0;
    return record;
  }

  #say(records: readonly MadeRecord[]): string {
    const state =
      `UNIQUEID ${idOf(this.#name)} MBOXNAME "${this.#name}" LAST_UID ${this.#lastUid} HIGHESTMODSEQ ${this.#modseq} ` +
      `RECENTUID 0 RECENTTIME 0 LAST_APPENDDATE ${LAST_UPDATED} POP3_LAST_LOGIN 0 POP3_SHOW_AFTER 0 UIDVALIDITY ${LAST_UPDATED} ` +
      `PARTITION default ACL "" OPTIONS P SYNC_CRC ${this.#crc} SYNC_CRC_ANNOT 12345678`;
    return `APPLY MAILBOX %(${state} RECORD (${records.map(print).join(' ')}))\r\n`;
  }
}

function crcOf({ uid, modseq, flags, guid }: MadeRecord): number {
  return recordCrc({ uid, modseq, lastUpdated: LAST_UPDATED, flags, internaldate: LAST_UPDATED + uid, guid });
}

function print({ uid, modseq, flags, guid, size }: MadeRecord): string {
  return (
    `%(UID ${uid} MODSEQ ${modseq} LAST_UPDATED ${LAST_UPDATED} FLAGS (${flags.join(' ')}) ` +
    `INTERNALDATE ${LAST_UPDATED + uid} SIZE ${size} GUID ${guid})`
  );
}
