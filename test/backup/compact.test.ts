import { expect } from 'chai';
import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { Backup } from '../../src/backup/backup.ts';
import { compactBackup } from '../../src/backup/compact.ts';
import type { Compaction } from '../../src/backup/compactJob.ts';
import { openIndexForWriting } from '../../src/backup/openIndex.ts';
import { BackupReader } from '../../src/backup/reader.ts';
import { verifyBackup } from '../../src/backup/verify.ts';
import { LockedFile } from '../../src/catalog/lockedFile.ts';
import { horizon as horizonOf } from '../../src/index/horizon.ts';
import { itemsAt, recordsPage } from '../../src/index/momentQueries.ts';
import { chunks, mailboxesAt, messageById } from '../../src/index/queries.ts';
import type { ItemKind } from '../../src/index/types.ts';
import { RestoreSource } from '../../src/restore/source.ts';
import { KeyValues } from '../../src/protocol/dlist.ts';
import { run, waitUntil } from '../support/machine.ts';
import { randomFrom } from '../support/random.ts';
import { START, writeHistory } from './syntheticHistory.ts';

const KINDS: readonly ItemKind[] = ['seen', 'sub', 'sieve', 'active', 'quota', 'annotation'];

/** Everything that can be seen of a backup at a moment, messages by their hashes. */
function shownAt(reader: BackupReader, time: number, readsMessages: boolean): string {
  const mailboxes = mailboxesAt(reader.index, time).map((mailbox) => {
    const records = recordsPage(reader.index, mailbox.id, time, 0, 1e9)
      .filter(({ expunged }) => expunged === null)
      .map((record) => {
        const message = messageById(reader.index, record.message_id);
        const bytes =
          readsMessages && message !== undefined ? reader.read(message, 0, message.size) : undefined;
        const { uid, modseq, flags, guid, internaldate, size, chunk_id: chunk } = record;
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
  let folder: string;
  let path: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'compact-'));
    path = join(folder, 'anne_aaaaaa');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const compact = (options: Partial<Compaction> = {}): Promise<'done' | 'skipped'> =>
    compactBackup({
      path,
      horizon: -1,
      sizes: { min: 0, max: 0 },
      workThreshold: 1,
      isForced: false,
      keepsPrevious: false,
      compressionLevel: 6,
      lock: {},
      swapLock: {},
      notice: () => undefined,
      detail: () => undefined,
      ...options,
    });

  async function index(): Promise<void> {
    const file = await LockedFile.acquire(path);
    (await openIndexForWriting(file, () => undefined)).close();
    file.release();
  }

  async function faults(): Promise<number> {
    const file = await LockedFile.acquire(path);
    try {
      return (await verifyBackup(file, () => undefined)).faultCount;
    } finally {
      file.release();
    }
  }

  const openBackup = (): Promise<Backup> => {
    const options = { stagingDirectory: folder, compressionLevel: 6, lockTimeoutMs: 10_000 };
    return Backup.open('anne', path, options, () => undefined);
  };

  async function subscribe(backup: Backup, name: string): Promise<void> {
    const value = new KeyValues([
      ['USERID', 'anne'],
      ['MBOXNAME', `user.anne.${name}`],
    ]);
    await backup.append({ time: 1_800_000_000, name: 'SUB', value });
  }

  const looking = <T>(look: (reader: BackupReader) => T): T => {
    const reader = new BackupReader(path);
    try {
      return look(reader);
    } finally {
      reader.close();
    }
  };

  for (const [seed, changes] of [
    [1, 10_000],
    [2, 500],
    [3, 500],
    [4, 500],
  ] as const) {
    it(`keeps 200 random moments of ${changes} changes as they were, and nothing of before (seed ${seed})`, async function () {
      this.timeout(120_000);
      const { end, texts } = await writeHistory(path, changes, seed);
      await index();
      const random = randomFrom(seed);
      const horizon = Math.floor(START + (end - START) * 0.7);
      const moments = Array.from({ length: 200 }, () => horizon + Math.floor(random() * (end - horizon + 2)));
      moments[0] = horizon;
      const before = looking((reader) => moments.map((time, at) => shownAt(reader, time, at < 3)));
      const sizeBefore = statSync(path).size;

      expect(await compact({ horizon })).to.equal('done');

      const after = looking((reader) => moments.map((time, at) => shownAt(reader, time, at < 3)));
      for (const [at, shown] of after.entries()) expect(shown, `at ${moments[at]}`).to.equal(before[at]);
      expect(statSync(path).size).to.be.below(sizeBefore * 0.8);
      const bytes = gunzipSync(readFileSync(path)).toString('latin1');
      const left = [...texts].filter(([text, last]) => last < horizon && bytes.includes(text));
      expect(left).to.deep.equal([]);
      expect(await faults()).to.equal(0);
      expect(await compact({ horizon }), 'a second time').to.equal('skipped');
      expect(await compact({ horizon, isForced: true }), 'by force').to.equal('done');
      expect(
        looking((reader) => shownAt(reader, horizon, true)),
        'after that',
      ).to.equal(before[0]);
    });
  }

  it('by force, with nothing to go, keeps every moment there is', async () => {
    const { end } = await writeHistory(path, 300, 5);
    await index();
    const times = Array.from({ length: 100 }, (_, at) => START + Math.floor((at * (end - START)) / 99));
    const before = looking((reader) => times.map((time) => shownAt(reader, time, false)));
    expect(await compact(), 'unforced').to.equal('skipped');
    expect(await compact({ isForced: true })).to.equal('done');
    expect(looking((reader) => times.map((time) => shownAt(reader, time, false)))).to.deep.equal(before);
    expect(await faults()).to.equal(0);
  });

  it('with a retention that is longer than the last one goes by what is still there', async () => {
    const { end } = await writeHistory(path, 300, 6);
    await index();
    const horizon = Math.floor((START + end) / 2);
    expect(await compact({ horizon })).to.equal('done');
    const before = looking((reader) => shownAt(reader, horizon, false));
    expect(await compact({ horizon: horizon - 5000, isForced: true })).to.equal('done');
    expect(looking((reader) => horizonOf(reader.index))).to.equal(horizon);
    expect(await compact({ horizon: -1, isForced: true })).to.equal('done');
    expect(looking((reader) => horizonOf(reader.index))).to.equal(horizon);
    expect(looking((reader) => shownAt(reader, horizon, false))).to.equal(before);
    new RestoreSource('anne', path, horizon).close();
    expect(() => new RestoreSource('anne', path, horizon - 1)).to.throw(/is gone: all is known from/);
  });

  it('combines small chunks and splits large ones', async () => {
    await writeHistory(path, 400, 7);
    await index();
    const lengths = (): number[] => looking(({ index }) => [...chunks(index)].map(({ length }) => length));
    const count = lengths().length;
    const combined: string[] = [];
    const detail = (line: string): void => void combined.push(line);
    expect(await compact({ sizes: { min: 200_000, max: 800_000 }, detail })).to.equal('done');
    expect(lengths().length).to.be.below(count / 2);
    expect(combined.join()).to.match(/combining chunks 1 and 2/);
    expect(await compact({ sizes: { min: 0, max: 60_000 }, detail })).to.equal('done');
    expect(combined.join()).to.match(/splitting chunk 1/);
    // A line is not split, and the largest messages have 100,000 bytes.
    expect(Math.max(...lengths())).to.be.below(200_000);
    expect(await faults()).to.equal(0);
  });

  it('keeps what is appended while it works, and lets its lock go meanwhile', async function () {
    this.timeout(60_000);
    await writeHistory(path, 1000, 8);
    await index();
    const compacted = compact({ isForced: true, swapLock: { wait: {} } });
    const ended = compacted.then(() => true);
    let appended = 0;
    while (!(await Promise.race([ended, setTimeout(5, false)]))) {
      const backup = await openBackup();
      await subscribe(backup, `New${appended}`);
      await backup.close();
      appended += 1;
    }
    expect(await compacted).to.equal('done');
    expect(appended).to.be.above(3);
    const subscriptions = looking((reader) => itemsAt(reader.index, 'sub', null).map(({ key }) => key));
    const wanted = Array.from({ length: appended }, (_, at) => `user.anne.New${at}`);
    expect(subscriptions).to.include.members(wanted);
    expect(await faults()).to.equal(0);
  });

  it('has copied what was appended before it asks for the lock', async function () {
    this.timeout(60_000);
    await writeHistory(path, 3000, 8);
    await index();
    const opened: Promise<Backup>[] = [];
    const detail = (): unknown => opened.length === 0 && opened.push(openBackup());
    const compacted = compact({ isForced: true, swapLock: { wait: {} }, detail });
    await waitUntil(() => opened.length > 0, { what: () => 'no compaction' });
    const backup = await opened[0]!;
    const long = randomBytes(2000).toString('hex');
    await subscribe(backup, long);
    await backup.endChunk();
    const copied = async (): Promise<boolean> => {
      const { stdout } = await run('sh', ['-c', `gzip -dcq ${path}.new | grep -ac ${long}`]);
      return stdout === '1\n' || setTimeout(200, false);
    };
    await waitUntil(copied, { timeoutMs: 50_000, what: () => 'not copied' });
    await backup.close();
    expect(await compacted).to.equal('done');
    expect(await faults()).to.equal(0);
  });

  it('leaves a reader with what it has open', async () => {
    await writeHistory(path, 200, 9);
    await index();
    const reader = new BackupReader(path);
    try {
      const before = shownAt(reader, 2_000_000_000, true);
      expect(await compact({ isForced: true, horizon: START * 2 })).to.equal('done');
      expect(reader.isCurrent()).to.equal(false);
      expect(shownAt(reader, 2_000_000_000, true)).to.equal(before);
      expect(looking((other) => shownAt(other, 2_000_000_000, true))).to.equal(before);
    } finally {
      reader.close();
    }
  });

  it('refuses a damaged backup and leaves it as it is', async () => {
    await writeHistory(path, 200, 10);
    await index();
    const bytes = readFileSync(path);
    // In the middle of the largest chunk, whose messages are filler.
    const largest = looking(({ index }) => [...chunks(index)].toSorted((a, b) => b.length - a.length)[0]);
    const at = ((largest?.offset ?? 0) + (largest?.file_end ?? 0)) >> 1;
    bytes[at] = (bytes[at] ?? 0) ^ 0x10;
    const fd = openSync(path, 'r+');
    writeSync(fd, bytes.subarray(at, at + 1), 0, 1, at);
    closeSync(fd);
    await compact({ isForced: true }).then(
      () => expect.fail('it was compacted'),
      (error: unknown) => expect(error).to.have.property('kind', 'damaged'),
    );
    expect(readFileSync(path).equals(bytes)).to.equal(true);
    const names = readdirSync(folder).filter((name) => !/-(wal|shm)$/.test(name));
    expect(names.toSorted()).to.deep.equal(['anne_aaaaaa', 'anne_aaaaaa.index']);
  });

  it('is refused while another holds the lock', async () => {
    await writeHistory(path, 20, 11);
    const file = await LockedFile.acquire(path);
    try {
      await compact({ isForced: true }).then(
        () => expect.fail('it was compacted'),
        (error: unknown) => expect(error).to.have.property('kind', 'locked'),
      );
    } finally {
      file.release();
    }
  });

  it('keeps the files of before where it is told to', async () => {
    await writeHistory(path, 100, 12);
    await index();
    const before = readFileSync(path);
    expect(await compact({ isForced: true, keepsPrevious: true })).to.equal('done');
    const kept = readdirSync(folder).filter((name) => /\.\d+$/.test(name));
    expect(kept.toSorted()).to.match(/^anne_aaaaaa\.\d+,anne_aaaaaa\.index\.\d+$/);
    expect(readFileSync(join(folder, kept.toSorted()[0] ?? '')).equals(before)).to.equal(true);
  });
});
