/**
 * A made-up master of one mailbox: it appends, changes flags and expunges. Each command has the
 * checksum that a real master would send, so that backupd neither refuses a command nor asks for it
 * again.
 */
import { crcOf, idOf, madeRecord, mailboxLine } from '../server/made.ts';
import type { MadeRecord } from '../server/made.ts';

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

  /** APPLY MAILBOX with new messages, which must be uploaded before. */
  append(...bodies: string[]): string {
    const records = bodies.map((body) => madeRecord(++this.#lastUid, ++this.#modseq, body));
    for (const record of records) this.#put(record);
    return this.#say(records);
  }

  /** APPLY MAILBOX with other flags for a living message. */
  flag(uid: number, flags: readonly string[]): string {
    const record = { ...this.#take(uid), flags, modseq: ++this.#modseq };
    this.#put(record);
    return this.#say([record]);
  }

  /** APPLY MAILBOX that expunges a living message. */
  expunge(uid: number): string {
    return this.#say([{ ...this.#take(uid), flags: ['\\Expunged'], modseq: ++this.#modseq }]);
  }

  #put(record: MadeRecord): void {
    this.#living.set(record.uid, record);
    this.#crc = (this.#crc ^ crcOf([record])) >>> 0;
  }

  #take(uid: number): MadeRecord {
    const record = this.#living.get(uid);
    if (record === undefined) throw new Error(`no message ${uid}`);
    this.#living.delete(uid);
    this.#crc = (this.#crc ^ crcOf([record])) >>> 0;
    return record;
  }

  #say(records: readonly MadeRecord[]): string {
    const state = { name: this.#name, uniqueid: idOf(this.#name), lastUid: this.#lastUid };
    return mailboxLine({ ...state, modseq: this.#modseq, crc: this.#crc }, records);
  }
}
