/**
 * A backup with a long made-up history: messages that come and go, flags, mailboxes that are renamed, deleted and made anew, and everything
 * else that a user has. Every message and every flag that is set has a text of its own, so that it can be searched for.
 */
import { createHash } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { NO_LATEST_TIME } from '../../src/backup/compactJob.ts';
import { CompactWriter } from '../../src/backup/compactWriter.ts';
import { planMessages } from '../../src/backup/messageSource.ts';
import type { MessageSource } from '../../src/backup/messageSource.ts';
import { FileLiteral, Flag, KeyValues } from '../../src/protocol/dlist.ts';
import type { Dlist } from '../../src/protocol/dlist.ts';
import { randomFrom } from '../support/random.ts';

export const START = 1_700_000_000;

interface FakeRecord {
  readonly uid: number;
  guid: string;
  size: number;
  flags: string[];
  modseq: number;
  isExpunged: boolean;
}

interface FakeMailbox {
  uniqueid: string;
  name: string;
  isLiving: boolean;
  lastUid: number;
  modseq: number;
  readonly records: FakeRecord[];
}

export interface History {
  readonly end: number;
  /** Texts in the file, each with the last moment at which it held: of messages and of flags. */
  readonly texts: ReadonlyMap<string, number>;
}

/** Writes `changes` changes, at times a second apart or in the same one, into an empty data file, in sessions of about 20. */
export async function writeHistory(path: string, changes: number, seed: number): Promise<History> {
  const fd = openSync(path, 'w+', 0o600);
  try {
    const writer = new HistoryWriter(new CompactWriter(fd, 6, NO_LATEST_TIME), randomFrom(seed));
    for (let count = 0; count < changes; count += 1) await writer.change();
    return await writer.finish();
  } finally {
    closeSync(fd);
  }
}

class HistoryWriter {
  readonly #out: CompactWriter;
  readonly #random: () => number;
  readonly #mailboxes: FakeMailbox[] = [];
  readonly #texts = new Map<string, number>();
  #time = START;
  #serial = 0;

  constructor(out: CompactWriter, random: () => number) {
    this.#out = out;
    this.#random = random;
  }

  async change(): Promise<void> {
    this.#time += this.#below(3) === 0 ? 0 : this.#below(200);
    const [, ...others] = this.#living();
    const kind = this.#random();
    if (this.#living().length === 0 || kind < 0.03) await this.#create();
    else if (kind < 0.35) await this.#deliver(this.#pick(this.#living()), 1 + this.#below(4));
    else if (kind < 0.6) await this.#flag(this.#pick(this.#living()));
    else if (kind < 0.75) await this.#expunge(this.#pick(this.#living()));
    else if (kind < 0.78 && others.length > 3) await this.#delete(this.#pick(others));
    else if (kind < 0.8 && others.length > 0) await this.#rename(this.#pick(others));
    else if (kind < 0.81) await this.#revive();
    else await this.#changeItem();
    if (this.#below(20) === 0) await this.#out.endChunk();
  }

  async finish(): Promise<History> {
    await this.#out.endChunk();
    for (const mailbox of this.#mailboxes) {
      for (const record of mailbox.records) if (!record.isExpunged && mailbox.isLiving) this.#hold(record);
    }
    return { end: this.#time, texts: this.#texts };
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#below(list.length)] as T;
  }

  #living(): FakeMailbox[] {
    return this.#mailboxes.filter(({ isLiving }) => isLiving);
  }

  /** What the record says held until now. */
  #hold({ guid, flags }: FakeRecord): void {
    for (const text of [guid, ...flags]) this.#texts.set(text, this.#time);
  }

  async #line(name: string, value: Dlist): Promise<void> {
    await this.#out.line({ time: this.#time, name, value });
  }

  async #create(): Promise<void> {
    const number = this.#below(12);
    const name = number === 0 ? 'user.anne' : `user.anne.Folder${number}`;
    if (this.#living().some((mailbox) => mailbox.name === name)) return;
    this.#serial += 1;
    const mailbox = {
      uniqueid: `unique${this.#serial}`,
      name,
      isLiving: true,
      lastUid: 0,
      modseq: 1,
      records: [],
    };
    this.#mailboxes.push(mailbox);
    await this.#say(mailbox, []);
  }

  async #deliver(mailbox: FakeMailbox, count: number): Promise<void> {
    const sources: MessageSource[] = [];
    const records: FakeRecord[] = [];
    for (let added = 0; added < count; added += 1) {
      this.#serial += 1;
      const filler = 'x'.repeat(this.#below(20) === 0 ? 100_000 : this.#below(2000));
      const bytes = Buffer.from(`Subject: message ${this.#serial}\r\n\r\n${filler}\r\n`);
      const guid = createHash('sha1').update(bytes).digest('hex');
      const file = new FileLiteral('default', guid, bytes.length);
      sources.push({ kind: 'copy', file, read: (offset, size) => bytes.subarray(offset, offset + size) });
      mailbox.lastUid += 1;
      mailbox.modseq += 1;
      const record = {
        uid: mailbox.lastUid,
        guid,
        size: bytes.length,
        flags: [],
        modseq: mailbox.modseq,
        isExpunged: false,
      };
      records.push(record);
    }
    mailbox.records.push(...records);
    const writer = await this.#out.chunk();
    await planMessages(sources, writer.length, this.#out.timeFor(this.#time)).write(writer);
    await this.#say(mailbox, records);
  }

  async #flag(mailbox: FakeMailbox): Promise<void> {
    const record = mailbox.records.findLast(({ isExpunged }) => !isExpunged && this.#below(3) > 0);
    if (record === undefined) return;
    this.#hold(record);
    this.#serial += 1;
    record.flags = this.#below(4) === 0 ? [] : ['\\Seen', `Keyword${this.#serial}x`];
    await this.#touch(mailbox, [record]);
  }

  async #expunge(mailbox: FakeMailbox): Promise<void> {
    const records = mailbox.records.filter(({ isExpunged }) => !isExpunged && this.#below(3) === 0);
    for (const record of records) {
      this.#hold(record);
      record.isExpunged = true;
    }
    // A master repeats what was expunged before, too.
    const repeated = mailbox.records.filter(({ isExpunged }) => isExpunged && this.#below(10) === 0);
    await this.#touch(mailbox, records, repeated);
  }

  async #touch(mailbox: FakeMailbox, records: FakeRecord[], repeated: FakeRecord[] = []): Promise<void> {
    mailbox.modseq += 1;
    for (const record of records) record.modseq = mailbox.modseq;
    await this.#say(mailbox, [...new Set([...records, ...repeated])]);
  }

  async #delete(mailbox: FakeMailbox): Promise<void> {
    for (const record of mailbox.records) if (!record.isExpunged) this.#hold(record);
    mailbox.isLiving = false;
    await this.#line('UNMAILBOX', mailbox.name);
  }

  async #rename(mailbox: FakeMailbox): Promise<void> {
    this.#serial += 1;
    const name = `user.anne.Renamed${this.#serial}`;
    const value = new KeyValues([
      ['OLDMBOXNAME', mailbox.name],
      ['NEWMBOXNAME', name],
      ['PARTITION', 'default'],
      ['UIDVALIDITY', '17'],
    ]);
    mailbox.name = name;
    await this.#line('RENAME', value);
  }

  async #revive(): Promise<void> {
    const gone = this.#mailboxes.filter(({ isLiving }) => !isLiving);
    if (gone.length === 0) return;
    const mailbox = this.#pick(gone);
    if (this.#living().some(({ name }) => name === mailbox.name)) return;
    mailbox.isLiving = true;
    // Its mail counts from now on again.
    await this.#touch(mailbox, []);
  }

  async #changeItem(): Promise<void> {
    this.#serial += 1;
    const serial = String(this.#serial);
    const mailbox = this.#pick(this.#living());
    const of = (...entries: [string, Dlist][]): KeyValues => new KeyValues([['USERID', 'anne'], ...entries]);
    switch (this.#below(8)) {
      case 0:
        return this.#line(
          'SEEN',
          of(['UNIQUEID', mailbox.uniqueid], ['LASTREAD', serial], ['SEENUIDS', '1:3']),
        );
      case 1:
        return this.#line('SUB', of(['MBOXNAME', mailbox.name]));
      case 2:
        return this.#line('UNSUB', of(['MBOXNAME', mailbox.name]));
      case 3:
        return this.#line('SIEVE', of(['FILENAME', `s${this.#below(3)}`], ['CONTENT', `# script ${serial}`]));
      case 4:
        return this.#line('UNSIEVE', of(['FILENAME', `s${this.#below(3)}`]));
      case 5:
        return this.#line('ACTIVATE_SIEVE', of(['FILENAME', `s${this.#below(3)}`]));
      case 6:
        return this.#line('QUOTA', new KeyValues([['ROOT', 'user.anne'], ['STORAGE', serial]])); // prettier-ignore
      default: {
        const entry: [string, Dlist][] = [
          ['MBOXNAME', mailbox.name],
          ['ENTRY', '/comment'],
          ['USERID', ''],
          ['VALUE', `comment ${serial}`],
        ];
        return this.#line('ANNOTATION', new KeyValues(entry));
      }
    }
  }

  async #say(mailbox: FakeMailbox, records: readonly FakeRecord[]): Promise<void> {
    const value = new KeyValues([
      ['UNIQUEID', mailbox.uniqueid],
      ['MBOXNAME', mailbox.name],
      ['LAST_UID', String(mailbox.lastUid)],
      ['HIGHESTMODSEQ', String(mailbox.modseq)],
      ['LAST_APPENDDATE', String(this.#time)],
      ['UIDVALIDITY', '17'],
      ['RECORD', records.map((record) => this.#record(record))],
    ]);
    await this.#line('MAILBOX', value);
  }

  #record({ uid, guid, size, flags, modseq, isExpunged }: FakeRecord): KeyValues {
    const shown = flags.map((flag): Dlist => (flag.startsWith('\\') ? Flag.of(flag) : flag));
    if (isExpunged) shown.push(Flag.of('\\Expunged'));
    return new KeyValues([
      ['UID', String(uid)],
      ['MODSEQ', String(modseq)],
      ['LAST_UPDATED', String(START + modseq)],
      ['FLAGS', shown],
      ['INTERNALDATE', String(START)],
      ['SIZE', String(size)],
      ['GUID', guid],
    ]);
  }
}
