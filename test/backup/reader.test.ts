import { expect } from 'chai';
import { existsSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { Backup } from '../../src/backup/backup.ts';
import { loadBlock } from '../../src/backup/read/messageBytes.ts';
import { rebuildIndex } from '../../src/backup/openIndex.ts';
import { BackupReader } from '../../src/backup/reader.ts';
import { LockedFile } from '../../src/fs/lockedFile.ts';
import { livingMailboxes } from '../../src/index/queries/mailboxes.ts';
import { messageByGuid } from '../../src/index/queries/messages.ts';
import { BackupError } from '../../src/errors.ts';
import { BackupSite, START, appendMailbox, bytesOf, guidOf, readWhole } from '../support/backups.ts';

const messages = [bytesOf(1, 500), bytesOf(2, 200_000)] as const;

describe('looking into a backup', () => {
  let site: BackupSite;
  let backup: Backup;
  let readers: BackupReader[];

  beforeEach(async () => {
    site = new BackupSite();
    backup = await site.open();
    readers = [];
    await append(0);
  });
  afterEach(async () => {
    for (const reader of readers) reader.close();
    await site.remove();
  });

  async function append(at: 0 | 1): Promise<void> {
    const records = [{ uid: 1, message: messages[at] }];
    await appendMailbox(site, backup, START + at, { uniqueid: `u${at}`, name: `user.anne.m${at}`, records });
  }

  function open(): BackupReader {
    const reader = new BackupReader(site.path());
    readers.push(reader);
    return reader;
  }

  function storedIn({ index }: BackupReader, message: Buffer): { chunkId: number; offset: number } {
    const { chunkId, offset } = messageByGuid(index, guidOf(message)) ?? {};
    if (chunkId == null || offset == null) throw new Error('its bytes are not there');
    return { chunkId, offset };
  }

  const names = ({ index }: BackupReader): string[] => [...livingMailboxes(index)].map(({ name }) => name);

  it('sees what a writer commits while it writes, and can read it', async () => {
    const reader = open();
    const version = reader.index.dataVersion();
    expect(names(reader)).to.deep.equal(['user.anne.m0']);
    await append(1);
    expect(reader.index.dataVersion()).to.not.equal(version);
    expect(names(reader)).to.deep.equal(['user.anne.m0', 'user.anne.m1']);
    expect(readWhole(reader.index, reader.fd, messages[1]).equals(messages[1])).to.equal(true);
    expect(reader.isCurrent()).to.equal(true);
  });

  it('finds the block of every byte, also where the chunk has grown meanwhile', async () => {
    const reader = open();
    for (const at of [0, 1] as const) {
      const message = messages[at];
      const { chunkId, offset: start } = storedIn(reader, message);
      for (let offset = 0; offset < message.length; offset += 997) {
        const block = reader.blockAt(chunkId, start + offset);
        const bytes = loadBlock(reader.fd, block).subarray(start + offset - block.start);
        expect(bytes.length).to.be.greaterThan(0);
        const wanted = message.subarray(offset, offset + bytes.length);
        expect(bytes.subarray(0, wanted.length).equals(wanted)).to.equal(true);
      }
      if (at === 0) await append(1);
    }
  });

  it('has a number that no other has, though the next file may get the inode number of one that is gone', () => {
    const [one, other] = [open(), open()];
    expect(one.inode).to.equal(other.inode);
    expect(one.serial).to.not.equal(other.serial);
  });

  it('loads a block into room that is large enough, and into none that is not', () => {
    const reader = open();
    const { chunkId, offset } = storedIn(reader, messages[0]);
    const block = reader.blockAt(chunkId, offset);
    const alone = loadBlock(reader.fd, block);
    const [large, small] = [Buffer.alloc(alone.length + 1), Buffer.alloc(alone.length)];
    expect(loadBlock(reader.fd, block, large).buffer).to.equal(large.buffer);
    expect(large.subarray(0, -1).equals(alone)).to.equal(true);
    expect(loadBlock(reader.fd, block, small).equals(alone)).to.equal(true);
    expect(small.every((byte) => byte === 0)).to.equal(true);
  });

  it('sees nothing of what a writer has folded and not committed', async () => {
    const reader = open();
    const appended = append(1);
    await new Promise((resolve) => setImmediate(resolve));
    expect(names(reader)).to.deep.equal(['user.anne.m0']);
    await appended;
  });

  it('gives up no file descriptor of the writer’s lock when it is closed in the same process', async () => {
    const reader = new BackupReader(site.path());
    reader.close();
    await append(1);
    expect(names(open())).to.have.length(2);
  });

  it('is no longer current once an index was built anew, and still reads what it has', async () => {
    await append(1);
    await site.close(backup);
    const reader = open();
    const file = await LockedFile.acquire(site.path());
    try {
      const { index, result } = await rebuildIndex(file, () => undefined);
      expect(result.messages).to.equal(2);
      index.close();
    } finally {
      file.release();
    }
    expect(reader.isCurrent()).to.equal(false);
    expect(readWhole(reader.index, reader.fd, messages[0]).equals(messages[0])).to.equal(true);
    expect(open().isCurrent()).to.equal(true);
  });

  it('is no longer current once another data file has the name', async () => {
    await site.close(backup);
    const reader = open();
    writeFileSync(`${site.path()}.new`, '');
    renameSync(`${site.path()}.new`, site.path());
    expect(reader.isCurrent()).to.equal(false);
    expect(messageByGuid(reader.index, guidOf(messages[0]))).to.not.equal(undefined);
  });

  it('folds the log into memory where there is no index, and writes none', async () => {
    await append(1);
    await site.close(backup);
    rmSync(`${site.path()}.index`);
    const reader = open();
    expect(names(reader)).to.have.length(2);
    expect(readWhole(reader.index, reader.fd, messages[1]).equals(messages[1])).to.equal(true);
    expect(existsSync(`${site.path()}.index`)).to.equal(false);
    expect(reader.isCurrent()).to.equal(true);
    writeFileSync(site.path(), 'more', { flag: 'a' });
    expect(reader.isCurrent()).to.equal(false);
  });

  it('folds the whole lines of a log whose end is torn, and leaves the file alone', async () => {
    await append(1);
    const { size } = statSync(site.path());
    writeFileSync(site.path('torn'), '');
    const torn = new BackupReader(site.path('torn'));
    expect(names(torn)).to.deep.equal([]);
    torn.close();
    rmSync(`${site.path()}.index`);
    const reader = open();
    expect(names(reader)).to.deep.equal(['user.anne.m0', 'user.anne.m1']);
    for (const message of messages)
      expect(readWhole(reader.index, reader.fd, message).equals(message)).to.equal(true);
    expect(statSync(site.path()).size).to.equal(size);
  });

  it('says not-found where there is no data file', () => {
    expect(() => new BackupReader(`${site.folder}/nobody`))
      .to.throw(BackupError)
      .with.property('kind', 'not-found');
  });
});
