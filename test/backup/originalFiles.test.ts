/** Files that the original backupd wrote, taken as they are. What they must show is what the master held. */
import { expect } from 'chai';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { openIndexForWriting } from '../../src/backup/openIndex.ts';
import { BackupReader } from '../../src/backup/reader.ts';
import { verifyBackup } from '../../src/backup/verify/verify.ts';
import { LockedFile } from '../../src/fs/lockedFile.ts';
import type { IndexFile } from '../../src/index/store/indexFile.ts';
import { livingMailboxes } from '../../src/index/queries/mailboxes.ts';
import { messageById } from '../../src/index/queries/messages.ts';
import { recordsOf } from '../../src/index/queries/records.ts';

const FIXTURES = new URL('../../../test/fixtures/', import.meta.url).pathname;

interface TruthMailbox {
  readonly messages: { readonly uid: number; readonly size: number; readonly sha1: string }[];
}

const truth = JSON.parse(readFileSync(join(FIXTURES, 'session/truth.json'), 'utf8')) as {
  users: Record<string, { mailboxes: Record<string, TruthMailbox> }>;
  shared: Record<string, TruthMailbox>;
};

/** Every message's UID, size and SHA-1 of the bytes that reading gives, by mailbox. */
function held(reader: BackupReader): Record<string, TruthMailbox['messages']> {
  const mailboxes: Record<string, TruthMailbox['messages']> = {};
  for (const { id, name } of livingMailboxes(reader.index)) {
    mailboxes[name] = [...recordsOf(reader.index, id, null, 'living')].map(({ uid, size, messageId }) => {
      const message = messageById(reader.index, messageId);
      if (message === undefined) throw new Error(`${name} ${uid} has no message`);
      return {
        uid,
        size,
        sha1: createHash('sha1')
          .update(reader.read(message, 0, size))
          .digest('hex'),
      };
    });
  }
  return mailboxes;
}

function wanted(mailboxes: Record<string, TruthMailbox>): Record<string, TruthMailbox['messages']> {
  const entries = Object.entries(mailboxes);
  return Object.fromEntries(
    entries.map(([name, { messages }]) => [
      name,
      messages.map(({ uid, size, sha1 }) => ({ uid, size, sha1 })),
    ]),
  );
}

describe('files of the original backupd', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'originals-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function fixture(name: string): string {
    const path = join(folder, name);
    copyFileSync(join(FIXTURES, 'originals', name), path);
    return path;
  }

  async function opened<T>(
    path: string,
    work: (file: LockedFile, index: IndexFile) => Promise<T>,
  ): Promise<T> {
    const file = await LockedFile.acquire(path);
    try {
      const index = await openIndexForWriting(file, () => undefined);
      try {
        return await work(file, index);
      } finally {
        index.close();
      }
    } finally {
      file.release();
    }
  }

  for (const [name, mailboxes] of [
    ['anne-live', truth.users['anne']?.mailboxes ?? {}],
    ['anne-compacted', truth.users['anne']?.mailboxes ?? {}],
    ['shared-live', truth.shared],
  ] as const) {
    it(`shows all of ${name} to a reader, byte for byte, and writes nothing`, () => {
      const path = fixture(name);
      const before = readFileSync(path);
      const reader = new BackupReader(path);
      try {
        expect(held(reader)).to.deep.equal(wanted(mailboxes));
      } finally {
        reader.close();
      }
      expect(readFileSync(path).equals(before)).to.equal(true);
      expect(statSync(`${path}.index`, { throwIfNoEntry: false })).to.equal(undefined);
    });

    it(`indexes ${name}, verifies it, and leaves its bytes as they are`, async () => {
      const path = fixture(name);
      const before = readFileSync(path);
      await opened(path, () => Promise.resolve());
      const file = await LockedFile.acquire(path);
      try {
        const { faultCount } = await verifyBackup(file, () => undefined);
        expect(faultCount).to.equal(0);
      } finally {
        file.release();
      }
      expect(readFileSync(path).equals(before)).to.equal(true);
    });
  }

  it('replaces the originals’ own index', async () => {
    const path = fixture('anne-live');
    writeFileSync(`${path}.index`, gunzipSync(readFileSync(join(FIXTURES, 'originals/anne-live.index.gz'))));
    const names = await opened(path, (_file, index) =>
      Promise.resolve([...livingMailboxes(index)].map(({ name }) => name)),
    );
    expect(names).to.deep.equal(Object.keys(truth.users['anne']?.mailboxes ?? {}).toSorted());
  });
});
