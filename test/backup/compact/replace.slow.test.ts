/** What a compaction does about who appends meanwhile: its end, compactReplace.ts. */
import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { expect } from 'chai';
import type { Backup } from '../../../src/backup/backup.ts';
import { LockedFile } from '../../../src/fs/lockedFile.ts';
import { itemsAt } from '../../../src/index/queries/items.ts';
import { run, waitUntil } from '../../support/machine.ts';
import { CompactedBackup, subscribe } from '../compactedBackup.ts';

describe('compact beside a writer', () => {
  let store: CompactedBackup;

  beforeEach(() => {
    store = new CompactedBackup();
  });
  afterEach(() => store.remove());

  it('keeps what is appended while it works, and lets its lock go meanwhile', async function () {
    this.timeout(60_000);
    await store.write(1000, 8);
    const compacted = store.compact({ isForced: true, swapWait: {} });
    const ended = compacted.then(() => true);
    let appended = 0;
    while (!(await Promise.race([ended, setTimeout(5, false)]))) {
      const backup = await store.open();
      await subscribe(backup, `New${appended}`);
      await backup.close();
      appended += 1;
    }
    expect(await compacted).to.equal('done');
    expect(appended).to.be.above(3);
    const subscriptions = store.looking((reader) => itemsAt(reader.index, 'sub', null).map(({ key }) => key));
    const wanted = Array.from({ length: appended }, (_, at) => `user.anne.New${at}`);
    expect(subscriptions).to.include.members(wanted);
    expect(await store.faults()).to.equal(0);
  });

  /** A compaction that waits for the lock, which the backup has: what was appended before is copied already. */
  async function waitingCompaction(): Promise<{
    backup: Backup;
    compacted: ReturnType<CompactedBackup['compact']>;
  }> {
    await store.write(3000, 8);
    const opened: Promise<Backup>[] = [];
    const detail = (): unknown => opened.length === 0 && opened.push(store.open());
    const compacted = store.compact({ isForced: true, swapWait: {}, detail });
    await waitUntil(() => opened.length > 0, { what: () => 'no compaction' });
    const backup = await opened[0]!;
    const long = randomBytes(2000).toString('hex');
    await subscribe(backup, long);
    await backup.endChunk();
    const copied = async (): Promise<boolean> => {
      const { stdout } = await run('sh', ['-c', `gzip -dcq ${store.path}.new | grep -ac ${long}`]);
      return stdout === '1\n' || setTimeout(200, false);
    };
    await waitUntil(copied, { timeoutMs: 50_000, what: () => 'not copied' });
    return { backup, compacted };
  }

  it('has copied what was appended before it asks for the lock', async function () {
    this.timeout(60_000);
    const { backup, compacted } = await waitingCompaction();
    await backup.close();
    expect(await compacted).to.equal('done');
    expect(await store.faults()).to.equal(0);
  });

  it('gives the lock up again where much was appended while it waited for it', async function () {
    this.timeout(60_000);
    const { backup, compacted } = await waitingCompaction();
    const asked: string[] = [];
    const acquire = LockedFile.acquire.bind(LockedFile);
    LockedFile.acquire = (name, options) => {
      asked.push(name);
      return acquire(name, options);
    };
    try {
      const long = randomBytes(20_000).toString('hex');
      await subscribe(backup, long);
      await backup.close();
      expect(await compacted).to.equal('done');
      expect(asked).to.deep.equal([store.path]);
      const keys = store.looking((reader) => itemsAt(reader.index, 'sub', null).map(({ key }) => key));
      expect(keys).to.include(`user.anne.${long}`);
    } finally {
      LockedFile.acquire = acquire;
    }
    expect(await store.faults()).to.equal(0);
  });
});
