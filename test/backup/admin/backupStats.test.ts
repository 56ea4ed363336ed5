import { expect } from 'chai';
import { appendFileSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { Backup } from '../../../src/backup/backup.ts';
import { lastWritten, sizeStats } from '../../../src/backup/admin/backupStats.ts';
import { StatsCache } from '../../../src/index/store/statsCache.ts';
import { BackupSite, START, bytesOf, line, mailboxLine } from '../../support/backups.ts';

describe('figures of a backup', () => {
  let site: BackupSite;
  let path: string;
  let cache: StatsCache | null;
  const kept = bytesOf(1, 1000);
  const expunged = bytesOf(2, 300);

  beforeEach(async () => {
    site = new BackupSite();
    path = site.path();
    const backup = await site.open(path);
    const box = { uniqueid: 'u1', name: 'user.anne' };
    const records = [
      { uid: 1, message: kept },
      { uid: 2, message: expunged },
    ];
    await backup.append(mailboxLine(START, { ...box, records }), [await site.segment(kept, expunged)]);
    await backup.append(line(START + 100, 'EXPUNGE', '%(MBOXNAME user.anne UNIQUEID u1 UID (2))'));
    await site.close(backup);
    cache = openCache();
  });

  afterEach(async () => {
    cache?.close();
    await site.remove();
  });

  const openCache = (): StatsCache | null => StatsCache.open(join(site.folder, 'anne'));

  /** Closes the cache, which writes it, and opens it again. */
  function settle(): void {
    cache?.close();
    cache = openCache();
  }

  /** Whoever still answers without the index has it from the cache. */
  const takeIndexAway = (): void => rmSync(`${path}.index`);

  it('are the same from the index, from the log and from the cache', async () => {
    const fromIndex = await sizeStats(path, START, cache);
    expect(fromIndex).to.include({ neededBytes: 1300, compressedBytes: statSync(path).size });
    expect(fromIndex).to.include({ lastStart: START, lastEnd: START + 100 });
    settle();
    takeIndexAway();
    expect(await sizeStats(path, START, cache)).to.deep.equal(fromIndex);
    expect(await sizeStats(path, START)).to.deep.equal(fromIndex);
    utimesSync(path, 1, 1);
    expect(lastWritten(path).lastTime).to.equal(1);
  });

  it('keep the time of the last line where the cache has it', async () => {
    expect(lastWritten(path, cache).lastTime).to.equal(START + 100);
    settle();
    takeIndexAway();
    expect(lastWritten(path, cache).lastTime).to.equal(START + 100);
  });

  it('are reckoned anew when what was expunged leaves the retention', async () => {
    for (const [since, bytes] of [
      [START, 1300],
      [START + 99, 1300],
      [START + 100, 1000],
      [START + 50, 1300],
      [-1, 1300],
    ] as const) {
      expect((await sizeStats(path, since, cache)).neededBytes, String(since)).to.equal(bytes);
      settle();
    }
  });

  it('are those of the present content, whatever was remembered', async () => {
    await sizeStats(path, START, cache);
    settle();
    const backup = await Backup.open('anne', path, site.options, () => undefined);
    await backup.append(mailboxLine(START + 200, { uniqueid: 'u2', name: 'user.anne.More' }));
    await backup.close();
    expect(lastWritten(path, cache)).to.deep.equal({
      sizeBytes: statSync(path).size,
      lastTime: START + 200,
      missingCount: 0,
    });
    expect((await sizeStats(path, START, cache)).lastEnd).to.equal(START + 200);
  });

  it('remember nothing that an index that is behind says', async () => {
    appendFileSync(path, 'something');
    const { mtimeMs } = statSync(path);
    expect(lastWritten(path, cache).lastTime).to.equal(Math.floor(mtimeMs / 1000));
    settle();
    utimesSync(path, 5, 5);
    expect(lastWritten(path, cache).lastTime).to.equal(5);
  });
});
