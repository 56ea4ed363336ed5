import { expect } from 'chai';
import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, readdirSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { BackupReader } from '../../../src/backup/reader.ts';
import { LockedFile } from '../../../src/fs/lockedFile.ts';
import { horizon as horizonOf } from '../../../src/index/queries/horizon.ts';
import { chunks } from '../../../src/index/queries/chunks.ts';
import { itemsAt } from '../../../src/index/queries/items.ts';
import { mailboxByUniqueid, mailboxesAt } from '../../../src/index/queries/mailboxes.ts';
import { messageById } from '../../../src/index/queries/messages.ts';
import { recordsOf } from '../../../src/index/queries/records.ts';
import { timestampsAtOrBefore } from '../../../src/index/queries/timestamps.ts';
import type { ItemKind } from '../../../src/index/types.ts';
import { RestoreSource } from '../../../src/restore/source.ts';
import { randomFrom } from '../../support/random.ts';
import { line, mailboxLine } from '../../support/backups.ts';
import { CompactedBackup, subscribe } from '../compactedBackup.ts';
import { START, writeHistory } from '../syntheticHistory.ts';

const KINDS: readonly ItemKind[] = ['seen', 'sub', 'sieve', 'active', 'quota', 'annotation'];

/** Everything that can be seen of a backup at a moment, messages by their hashes. */
function shownAt(reader: BackupReader, time: number, readsMessages: boolean): string {
  const mailboxes = mailboxesAt(reader.index, time).map((mailbox) => {
    const records = [...recordsOf(reader.index, mailbox.id, time)]
      .filter(({ expunged }) => expunged === null)
      .map((record) => {
        const message = messageById(reader.index, record.messageId);
        const bytes =
          readsMessages && message !== undefined ? reader.read(message, 0, message.size) : undefined;
        const { uid, modseq, flags, guid, internaldate, size, chunkId: chunk } = record;
        const isRight = bytes === undefined || createHash('sha1').update(bytes).digest('hex') === guid;
        return [uid, modseq, flags, guid, internaldate, size, chunk !== null, isRight];
      });
    return [mailbox.uniqueid, mailbox.name, mailbox.state, records];
  });
  const items = KINDS.flatMap((kind) =>
    itemsAt(reader.index, kind, time).map(({ key, value }) => [kind, key, value]),
  );
  return JSON.stringify([mailboxes, items]);
}

describe('compact', () => {
  let store: CompactedBackup;

  beforeEach(() => {
    store = new CompactedBackup();
  });
  afterEach(() => store.remove());

  for (const [seed, changes] of [
    [1, 10_000],
    [2, 500],
    [3, 500],
    [4, 500],
  ] as const) {
    it(`keeps 200 random moments of ${changes} changes as they were, and nothing of before (seed ${seed})`, async function () {
      this.timeout(120_000);
      const { end, texts } = await store.write(changes, seed);
      const random = randomFrom(seed);
      const horizon = Math.floor(START + (end - START) * 0.7);
      const moments = Array.from({ length: 200 }, () => horizon + Math.floor(random() * (end - horizon + 2)));
      moments[0] = horizon;
      const before = store.looking((reader) => moments.map((time, at) => shownAt(reader, time, at < 3)));
      const sizeBefore = statSync(store.path).size;

      expect(await store.compact({ horizon })).to.equal('done');

      const after = store.looking((reader) => moments.map((time, at) => shownAt(reader, time, at < 3)));
      for (const [at, shown] of after.entries()) expect(shown, `at ${moments[at]}`).to.equal(before[at]);
      expect(statSync(store.path).size).to.be.below(sizeBefore * 0.8);
      const bytes = gunzipSync(readFileSync(store.path)).toString('latin1');
      const left = [...texts].filter(([text, last]) => last < horizon && bytes.includes(text));
      expect(left).to.deep.equal([]);
      expect(await store.faults()).to.equal(0);
      expect(await store.compact({ horizon }), 'a second time').to.equal('skipped');
      expect(await store.compact({ horizon, isForced: true }), 'by force').to.equal('done');
      expect(
        store.looking((reader) => shownAt(reader, horizon, true)),
        'after that',
      ).to.equal(before[0]);
    });
  }

  it('by force, with nothing to go, keeps every moment there is', async () => {
    const { end } = await store.write(300, 5);
    const times = Array.from({ length: 100 }, (_, at) => START + Math.floor((at * (end - START)) / 99));
    const before = store.looking((reader) => times.map((time) => shownAt(reader, time, false)));
    expect(await store.compact(), 'unforced').to.equal('skipped');
    expect(await store.compact({ isForced: true })).to.equal('done');
    expect(store.looking((reader) => times.map((time) => shownAt(reader, time, false)))).to.deep.equal(
      before,
    );
    expect(await store.faults()).to.equal(0);
  });

  it('with a retention that is longer than the last one goes by what is still there', async () => {
    const { end } = await store.write(300, 6);
    const horizon = Math.floor((START + end) / 2);
    // The last change up to what was asked for: from there on everything is as it was then.
    const change = store.looking(({ index }) => timestampsAtOrBefore(index, [horizon])[0] ?? 0);
    expect(await store.compact({ horizon })).to.equal('done');
    const before = store.looking((reader) => shownAt(reader, horizon, false));
    expect(await store.compact({ horizon: horizon - 5000, isForced: true })).to.equal('done');
    expect(store.looking((reader) => horizonOf(reader.index))).to.equal(change);
    expect(await store.compact({ horizon: -1, isForced: true })).to.equal('done');
    expect(store.looking((reader) => horizonOf(reader.index))).to.equal(change);
    expect(store.looking((reader) => shownAt(reader, horizon, false))).to.equal(before);
    new RestoreSource('anne', store.path, change).close();
    expect(() => new RestoreSource('anne', store.path, change - 1)).to.throw(
      /the backup of anne begins .* nothing is known of/,
    );
  });

  it('leaves of a backup with nothing that is needed how far back it is known, and has nothing more to do', async () => {
    const backup = await store.open();
    await subscribe(backup, 'Plans');
    await backup.append({ ...line(1_750_000_100, 'UNSUB', '%(USERID anne MBOXNAME user.anne.Plans)') });
    await backup.close();
    expect(await store.compact({ horizon: 1_750_001_000 })).to.equal('done');
    expect(store.looking(({ index }) => horizonOf(index))).to.equal(1_750_000_100);
    expect(await store.compact({ horizon: 1_750_002_000 }), 'again').to.equal('skipped');
    expect(await store.faults()).to.equal(0);
    new RestoreSource('anne', store.path, 1_750_000_200).close();
    expect(() => new RestoreSource('anne', store.path, 1_750_000_050)).to.throw(/nothing is known of/);
  });

  it('refuses to drop all messages, or nearly all, unless it may', async () => {
    await store.write(200, 13);
    const bytes = readFileSync(store.path);
    const backup = await store.open();
    await backup.append(line(1_750_000_000, 'UNUSER', 'anne'));
    await backup.close();
    const error: unknown = await store
      .compact({ horizon: 1_750_001_000, mayDropMost: false })
      .catch((reason: unknown) => reason);
    expect(error).to.have.property('kind', 'refused');
    expect(error)
      .to.have.property('message')
      .that.matches(/^it would drop (\d+) of \1 messages, 100% of their \d+ bytes/);
    expect(readFileSync(store.path).subarray(0, bytes.length).equals(bytes)).to.equal(true);
    expect(await store.compact({ horizon: 1_750_001_000 })).to.equal('done');
    expect(statSync(store.path).size).to.be.below(200);
  });

  it('keeps whether a mailbox is to be sent again, whatever lines before the horizon said of it', async () => {
    const backup = await store.open();
    const sent = (time: number, crc: number, since: string) =>
      mailboxLine(START + time, {
        uniqueid: 'u1',
        name: 'user.anne',
        records: [{ uid: 1, message: 'x', flags: crc === 3 ? '\\Seen' : '' }],
        extra: `SYNC_CRC ${crc} SYNC_CRC_ANNOT 12345678${since}`,
      });
    // The last line makes "wanted" of a mailbox that was well, and "futile" of one that was wanted already.
    await backup.append(mailboxLine(START, { uniqueid: 'u1', name: 'user.anne', records: [] }));
    await backup.append(sent(10, 1, ' SINCE_MODSEQ 3'));
    await backup.append(mailboxLine(START + 15, { uniqueid: 'u2', name: 'user.anne.A', records: [] }));
    await backup.append(sent(20, 2, ''));
    await backup.append(sent(30, 3, ' SINCE_MODSEQ 3'));
    const state = mailboxByUniqueid(backup.index, 'u1')?.resend;
    expect(state).to.equal('wanted');
    await backup.close();
    for (const horizon of [START + 12, START + 25, START + 40]) {
      expect(await store.compact({ horizon, isForced: true })).to.equal('done');
      expect(store.looking(({ index }) => mailboxByUniqueid(index, 'u1')?.resend)).to.equal(state);
    }
  });

  it('can be done to a backup in which an earlier version stored a flag with a space', async () => {
    const backup = await store.open();
    const records = [{ uid: 1, message: 'x', flags: '"a b" \\Seen' }];
    await backup.append(mailboxLine(START, { uniqueid: 'u1', name: 'user.anne', records }));
    await backup.append(mailboxLine(START + 9, { uniqueid: 'u1', name: 'user.anne', records: [] }));
    await backup.close();
    expect(await store.compact({ horizon: START + 5, isForced: true })).to.equal('done');
    const shown = store.looking(({ index }) => [...recordsOf(index, 1)].map(({ flags }) => flags));
    expect(shown).to.deep.equal(['a b \\Seen']);
  });

  it('keeps a mailbox that took the name of another in the second in which that one went', async () => {
    const backup = await store.open();
    const named = (time: number, id: string, name: string) =>
      backup.append(mailboxLine(START + time, { uniqueid: id, name, records: [{ uid: 1, message: 'x' }] }));
    await named(0, 'u3', 'user.anne');
    await named(2, 'u1', 'user.anne.A');
    await named(8, 'u3', 'user.anne.A');
    await named(10, 'u1', 'user.anne');
    await backup.close();
    expect(await store.compact({ horizon: START + 8, isForced: true })).to.equal('done');
    expect(
      store.looking(({ index }) => mailboxesAt(index, START + 9).map(({ uniqueid }) => uniqueid)),
    ).to.deep.equal(['u3']);
  });

  it('combines small chunks and splits large ones', async () => {
    await store.write(400, 7);
    const lengths = (): number[] =>
      store.looking(({ index }) => [...chunks(index)].map(({ length }) => length));
    const count = lengths().length;
    const combined: string[] = [];
    const detail = (line: string): void => void combined.push(line);
    expect(await store.compact({ sizes: { min: 200_000, max: 800_000 }, detail })).to.equal('done');
    expect(lengths().length).to.be.below(count / 2);
    expect(combined.join()).to.match(/combining chunks 1 and 2/);
    expect(await store.compact({ sizes: { min: 0, max: 60_000 }, detail })).to.equal('done');
    expect(combined.join()).to.match(/splitting chunk 1/);
    // A line is not split, and the largest messages have 100,000 bytes.
    expect(Math.max(...lengths())).to.be.below(200_000);
    expect(await store.faults()).to.equal(0);
  });

  it('leaves a reader with what it has open', async () => {
    await store.write(200, 9);
    const reader = new BackupReader(store.path);
    try {
      const before = shownAt(reader, 2_000_000_000, true);
      expect(await store.compact({ isForced: true, horizon: START * 2 })).to.equal('done');
      expect(reader.isCurrent()).to.equal(false);
      expect(shownAt(reader, 2_000_000_000, true)).to.equal(before);
      expect(store.looking((other) => shownAt(other, 2_000_000_000, true))).to.equal(before);
    } finally {
      reader.close();
    }
  });

  it('refuses a damaged backup and leaves it as it is', async () => {
    await store.write(200, 10);
    const bytes = readFileSync(store.path);
    // In the middle of the largest chunk, whose messages are filler.
    const largest = store.looking(
      ({ index }) => [...chunks(index)].toSorted((a, b) => b.length - a.length)[0],
    );
    const at = ((largest?.offset ?? 0) + (largest?.fileEnd ?? 0)) >> 1;
    bytes[at] = (bytes[at] ?? 0) ^ 0x10;
    const fd = openSync(store.path, 'r+');
    writeSync(fd, bytes.subarray(at, at + 1), 0, 1, at);
    closeSync(fd);
    await store.compact({ isForced: true }).then(
      () => expect.fail('it was compacted'),
      (error: unknown) => expect(error).to.have.property('kind', 'damaged'),
    );
    expect(readFileSync(store.path).equals(bytes)).to.equal(true);
    const names = readdirSync(store.folder).filter((name) => !/-(wal|shm)$/.test(name));
    expect(names.toSorted()).to.deep.equal(['anne_aaaaaa', 'anne_aaaaaa.index']);
  });

  it('is refused while another holds the lock', async () => {
    await writeHistory(store.path, 20, 11);
    const file = await LockedFile.acquire(store.path);
    try {
      await store.compact({ isForced: true }).then(
        () => expect.fail('it was compacted'),
        (error: unknown) => expect(error).to.have.property('kind', 'locked'),
      );
    } finally {
      file.release();
    }
  });

  it('keeps the files of before where it is told to', async () => {
    await store.write(100, 12);
    const before = readFileSync(store.path);
    expect(await store.compact({ isForced: true, keepsPrevious: true })).to.equal('done');
    const kept = readdirSync(store.folder).filter((name) => /\.\d+$/.test(name));
    expect(kept.toSorted()).to.match(/^anne_aaaaaa\.\d+,anne_aaaaaa\.index\.\d+$/);
    expect(readFileSync(join(store.folder, kept.toSorted()[0] ?? '')).equals(before)).to.equal(true);
  });
});
