import { expect } from 'chai';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Backup } from '../../src/backup/backup.ts';
import { itemsAt } from '../../src/index/queries/items.ts';
import { useDisk } from '../../src/fs/disk/current.ts';
import type { Disk } from '../../src/fs/disk/disk.ts';
import { LockedFile } from '../../src/fs/lockedFile.ts';
import { createExclusively } from '../../src/fs/open.ts';
import { syncFile } from '../../src/fs/syncFile.ts';
import { syncFolder } from '../../src/fs/folders.ts';
import { SimulatedDisk } from '../simulation/disk/simulatedDisk.ts';
import { compact } from '../server/commandSite.ts';
import { START, line } from '../support/backups.ts';
import { randomFrom } from '../support/random.ts';

/** More than the calls of any work here. */
const MOST_CALLS = 400;

describe('a backup whose disk fails', () => {
  let root: string;
  let path: string;
  let simulated: SimulatedDisk;
  let before: Disk;

  beforeEach(() => begin(1));
  afterEach(end);

  function begin(seed: number): void {
    root = mkdtempSync(join(tmpdir(), 'failed-'));
    path = join(root, 'anne');
    const nowNs = (): bigint => BigInt(START) * 1_000_000_000n;
    simulated = new SimulatedDisk({ root, order: 'strict', random: randomFrom(seed), nowNs });
    before = useDisk(simulated.disk);
    simulated.disk.close(createExclusively(path));
    syncFile(path);
    syncFolder(root);
  }

  function end(): void {
    useDisk(before);
    rmSync(root, { recursive: true, force: true });
  }

  const open = (notices: string[] = []): Promise<Backup> =>
    Backup.open(
      'anne',
      path,
      { stagingDirectory: root, compressionLevel: 6, lockTimeoutMs: 0 },
      (text) => void notices.push(text),
    );

  const subscribe = (backup: Backup, count: number): Promise<void> =>
    backup.append(line(START + count, 'SUB', `%(USERID anne MBOXNAME user.anne.${count})`));

  const subscribed = (backup: Backup): string[] => itemsAt(backup.index, 'sub', null).map(({ key }) => key);

  it('holds all that was acknowledged after a chunk’s end was not synced: what that sync lost is written again', async () => {
    for (let seed = 1; seed <= 40; seed += 1) {
      if (seed > 1) {
        end();
        begin(seed);
      }
      const first = await open();
      await subscribe(first, 1);
      simulated.plan = ({ name }) => (name === 'fdatasync' ? 'EIO' : undefined);
      await first.close();
      simulated.plan = () => undefined;
      const second = await open();
      await subscribe(second, 2);
      await second.close();
      simulated.crash();
      const third = await open();
      expect(subscribed(third), `seed ${seed}`).to.deep.equal(['user.anne.1', 'user.anne.2']);
      await third.close();
    }
  });

  it('is locked by nobody after any one call of an open failed', async () => {
    const backup = await open();
    await subscribe(backup, 1);
    await backup.close();
    await withEachCallFailing(async () => (await LockedFile.acquire(path)).release());
  });

  it('is locked by nobody after any one call of a compaction failed', async () => {
    const backup = await open();
    for (const count of [1, 2, 3]) await subscribe(backup, count);
    await backup.close();
    await withEachCallFailing(() => compact(path, START + 2));
    const after = await open();
    expect(subscribed(after)).to.deep.equal(['user.anne.1', 'user.anne.2', 'user.anne.3']);
    await after.close();
  });

  /** Runs the work with its first call failing, then with its second, until it has no more. */
  async function withEachCallFailing(work: () => Promise<unknown>): Promise<void> {
    for (let number = 1; number < MOST_CALLS; number += 1) {
      const first = simulated.calls + number;
      simulated.plan = () => (simulated.calls === first ? 'EIO' : undefined);
      await work().catch(() => undefined);
      simulated.plan = () => undefined;
      expect(simulated.files.handles.size, `descriptors after call ${number} failed`).to.equal(0);
      (await LockedFile.acquire(path)).release();
      if (simulated.calls < first) return;
    }
    throw new Error(`the work makes more than ${MOST_CALLS} calls`);
  }
});
