import { expect } from 'chai';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { compactBackup } from '../../src/backup/compact.ts';
import type { Compaction } from '../../src/backup/compact.ts';
import { openIndexForWriting } from '../../src/backup/openIndex.ts';
import { BackupReader } from '../../src/backup/reader.ts';
import { verifyBackup } from '../../src/backup/verify.ts';
import { LockedFile } from '../../src/catalog/lockedFile.ts';
import { itemsAt, recordsPage } from '../../src/index/momentQueries.ts';
import { messageById, mailboxesAt } from '../../src/index/queries.ts';
import type { ItemKind } from '../../src/index/types.ts';
import { createHash } from 'node:crypto';
import { START, randomFrom, writeHistory } from './syntheticHistory.ts';

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
        const sha1 = bytes && createHash('sha1').update(bytes).digest('hex');
        return [
          uid,
          modseq,
          flags,
          guid,
          internaldate,
          size,
          chunk !== null,
          sha1 === undefined || sha1 === guid,
        ];
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
      const again = looking((reader) => moments.map((time) => shownAt(reader, time, false)));
      expect(again).to.deep.equal(looking((reader) => moments.map((time) => shownAt(reader, time, false))));
    });
  }
});
