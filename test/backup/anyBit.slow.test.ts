/**
 * Any bit of a data file may flip. Verify names the chunk it is in and each message that it hits; all others are read, byte for byte,
 * with the index and, as far as that can be, without one.
 *
 * CYRUS_BACKUPS_FLIPS: how many bits, for longer runs by hand.
 */
import { expect } from 'chai';
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hasItsBytes } from '../../src/backup/read/messageBytes.ts';
import { gunzipSync } from 'node:zlib';
import { BackupReader } from '../../src/backup/reader.ts';
import { repairBackup } from '../../src/backup/verify/repair.ts';
import { verifyBackup } from '../../src/backup/verify/verify.ts';
import type { Verification } from '../../src/backup/verify/verify.ts';
import { LockedFile } from '../../src/fs/lockedFile.ts';
import type { IndexFile } from '../../src/index/store/indexFile.ts';
import { chunks } from '../../src/index/queries/chunks.ts';
import { allMessages, messageByGuid } from '../../src/index/queries/messages.ts';
import type { Chunk } from '../../src/index/types.ts';
import type { FlushPoint } from '../../src/log/format.ts';
import { START, appendMailbox, bytesOf, BackupSite } from '../support/backups.ts';

const FLIPS = Number(process.env['CYRUS_BACKUPS_FLIPS'] ?? 200);

/** The same numbers for the same seed. */
function* randomNumbers(seed: number): Generator<number, never> {
  for (let state = seed; ;) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state / 2 ** 32;
  }
}

/** Bytes as mail has them, that deflate well: text with few distinct words. */
function mail(seed: number, sizeBytes: number): Buffer {
  const numbers = randomNumbers(seed);
  const words = ['From', 'anne', 'Subject:', 'report', 'the', 'of', 'and', 'example.com', '\r\n', '2026'];
  let text = `Message-ID: <${seed}@example.com>\r\n`;
  while (text.length < sizeBytes) text += `${words[Math.floor(numbers.next().value * words.length)]} `;
  return Buffer.from(text.slice(0, sizeBytes));
}

/** Three chunks: small messages, a large one, more lines than messages. */
async function writeMail(site: BackupSite): Promise<void> {
  for (const round of [0, 1, 2]) {
    const backup = await site.open();
    const messages = Array.from({ length: 12 }, (_, at) => {
      const seed = 100 * round + at;
      return at % 3 === 0 ? bytesOf(seed, 500 + 40 * at) : mail(seed, 300 + 2500 * at);
    });
    if (round === 1) messages.push(mail(7, 400_000));
    const records = messages.map((message, at) => ({ uid: at + 1, message }));
    await appendMailbox(site, backup, START + round, {
      uniqueid: `u${round}`,
      name: `user.anne.${round}`,
      records,
    });
    await site.close(backup);
  }
}

/** An original's file, with the index that we make of it. */
async function takeFixture(site: BackupSite, name: string): Promise<void> {
  copyFileSync(new URL(`../../../test/fixtures/originals/${name}`, import.meta.url), site.path());
  await site.close(await site.open());
}

/** `found`: bits that once were not taken for what they are. The first moves 28 whole messages by three bytes: all are to be named. */
const sources: readonly [what: string, write: (site: BackupSite) => Promise<void>, found: number[]][] = [
  ['of ours', writeMail, []],
  ['that the original backupd wrote', (site) => takeFixture(site, 'anne-live'), [458_839]],
  ['that the original compacted', (site) => takeFixture(site, 'anne-compacted'), []],
];

for (const [what, write, once] of sources) {
  describe(`any bit of a data file ${what}`, function () {
    this.timeout(Math.max(60_000, 300 * FLIPS));
    let site: BackupSite;
    let path: string;
    let whole: Buffer;
    let index: Buffer;
    let parts: Chunk[];
    let sound: BackupReader;
    let soundGuids: readonly string[];

    before(async () => {
      site = new BackupSite();
      path = site.path();
      await write(site);
      whole = readFileSync(path);
      index = readFileSync(`${path}.index`);
      copyFileSync(path, `${path}.sound`);
      copyFileSync(`${path}.index`, `${path}.sound.index`);
      sound = new BackupReader(`${path}.sound`);
      parts = [...chunks(sound.index)];
      soundGuids = read(true);
    });
    after(async () => {
      sound.close();
      await site.remove();
    });

    function flip(bit: number): void {
      const bytes = Buffer.from(whole);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      writeFileSync(path, bytes);
      for (const suffix of ['-wal', '-shm']) rmSync(`${path}.index${suffix}`, { force: true });
      writeFileSync(`${path}.index`, index);
    }

    async function locked<T>(work: (file: LockedFile) => Promise<T>): Promise<T> {
      const file = await LockedFile.acquire(path);
      try {
        return await work(file);
      } finally {
        file.release();
      }
    }

    const verify = (): Promise<Verification> => locked((file) => verifyBackup(file, () => undefined));

    /** GUIDs of the messages that can, or cannot, be read. */
    function read(isWanted: boolean): string[] {
      const reader = new BackupReader(path);
      try {
        const held = [...allMessages(reader.index)].filter(({ chunkId }) => chunkId !== null);
        return held
          .filter((message) => hasItsBytes(reader.index, reader.fd, message) === isWanted)
          .map(({ guid }) => guid)
          .toSorted();
      } finally {
        reader.close();
      }
    }

    /** Whether a message lies, at least in part, in what is inflated as one with a byte of the file. */
    function isInBlock(guid: string, byte: number): boolean {
      const { index } = sound;
      const message = messageByGuid(index, guid);
      if (message?.chunkId == null || message.offset === null) return false;
      const points = index.all<FlushPoint>(
        'SELECT offset, file_offset AS fileOffset FROM point WHERE chunk_id = ? ORDER BY offset',
        message.chunkId,
      );
      const start = points.findLast(({ fileOffset }) => fileOffset <= byte)?.offset ?? 0;
      const end = points.find(({ fileOffset }) => fileOffset > byte)?.offset ?? Infinity;
      return message.offset < end && message.offset + message.size > start;
    }

    /** Bits all over the file, and of the bytes around each chunk's beginning and end all. */
    function* bits(): Generator<number> {
      const numbers = randomNumbers(4711);
      yield* once;
      for (const { offset, fileEnd: end } of parts) {
        for (const byte of [0, 1, 2, 3, 4, 9, 10, 11, 12, 30, 45]) yield 8 * (offset + byte) + (byte % 8);
        for (const back of [1, 4, 5, 8, 9, 10, 11, 30]) yield 8 * (end - back) + (back % 8);
      }
      for (let count = 0; count < FLIPS / (what === 'of ours' ? 1 : 4); count += 1)
        yield Math.floor(numbers.next().value * 8 * whole.length);
    }

    it('is noticed by verify, which names its chunk and the messages that it hits; all others can be read', async () => {
      for (const bit of bits()) {
        flip(bit);
        const chunk = parts.findIndex(({ fileEnd }) => bit >> 3 < fileEnd);
        const found = await verify();
        const named = found.chunks.flatMap(({ messages }) => messages.map(({ guid }) => guid)).toSorted();
        const hit = found.chunks
          .map(({ checksums, messages }, at) => (checksums.length + messages.length > 0 ? at : -1))
          .filter((at) => at !== -1);
        expect(hit, `bit ${bit}`).to.include(chunk);
        // A later chunk's line may be about a mailbox that nothing tells of any more.
        const elsewhere = found.chunks.filter((_, at) => at !== chunk);
        const faults = elsewhere.flatMap(({ checksums }) => checksums);
        expect(faults.filter((fault) => !fault.endsWith('is not in this backup'))).to.deep.equal([]);
        expect(elsewhere.flatMap(({ messages }) => messages)).to.deep.equal([]);
        expect(read(false), `bit ${bit}`).to.deep.equal(named);
        expect(named, `bit ${bit}`).to.deep.equal(named.filter((guid) => isInBlock(guid, bit >> 3)));
        for (const { places } of found.chunks.flatMap(({ messages }) => messages)) {
          expect(places.length, `bit ${bit}`).to.be.above(0);
        }
      }
    });

    /** Everything that is said of mailboxes now, without when it came to be so. */
    function state(index: IndexFile): unknown[] {
      const mailboxes = index.all(
        'SELECT uniqueid, name, state, deleted IS NULL, crc, resend FROM mailbox ORDER BY uniqueid',
      );
      const records = index.all(
        `SELECT uniqueid, uid, CAST(modseq AS TEXT), internaldate, record.size, guid, flags, expunged IS NULL
       FROM record JOIN mailbox ON mailbox.id = mailbox_id JOIN message ON message.id = message_id ORDER BY 1, 2`,
      );
      return [mailboxes, records];
    }

    it('is repaired: what is whole stays, what is not leaves the log, and no record is lost', async () => {
      for (const bit of [...bits()].filter((_, at) => at % 10 === 0)) {
        flip(bit);
        const found = await verify();
        const named = found.chunks.flatMap(({ messages }) => messages.map(({ guid }) => guid));
        await locked((file) => repairBackup(file, site.options, () => undefined));
        const after = await verify();
        expect(after.faultCount - after.missing.length, `bit ${bit}`).to.equal(0);
        // Those that only expunged records name are missed by nobody.
        for (const fault of after.missing) expect(named, `bit ${bit}`).to.include(fault.split(' ')[1]);
        expect(read(false), `bit ${bit}`).to.deep.equal([]);
        if (what === 'of ours') {
          const gone = after.missing.map((fault) => fault.split(' ')[1] ?? '');
          expect([...gone, ...read(true)].toSorted(), `bit ${bit}`).to.deep.equal(soundGuids);
        }
        expect(gunzipSync(readFileSync(path)).length).to.be.above(0);
        const reader = new BackupReader(path);
        expect(state(reader.index), `bit ${bit}`).to.deep.equal(state(sound.index));
        reader.close();
        // Nothing of it hangs on the index.
        rmSync(`${path}.index`);
        expect((await verify()).missing.length, `bit ${bit}`).to.equal(after.missing.length);
      }
    });

    it('costs what is near it where there is no index to help, and is never said to be ok', async () => {
      let readable = 0;
      let all = 0;
      for (const bit of [...bits()].filter((_, at) => at % 5 === 1)) {
        flip(bit);
        rmSync(`${path}.index`);
        const { faultCount } = await verify();
        const isHeaderTime = parts.some(({ offset }) => (bit >> 3) - offset >= 4 && (bit >> 3) - offset < 10);
        if (!isHeaderTime) expect(faultCount, `bit ${bit}`).to.be.above(0);
        expect(read(false), `bit ${bit}`).to.deep.equal([]);
        readable += read(true).length;
        all += soundGuids.length;
      }
      // The original makes no flush points when it compacts: all behind the damage is lost then.
      expect(readable / all).to.be.above(what.includes('compacted') ? 0.3 : 0.9);
    });
  });
}
