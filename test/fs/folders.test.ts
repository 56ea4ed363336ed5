import { expect } from 'chai';
import { appendFileSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { moveBackup } from '../../src/backup/admin/move.ts';
import { Catalog } from '../../src/catalog/catalog.ts';
import { writableCatalog } from '../../src/catalog/catalogOptions.ts';
import { loadConfig } from '../../src/config/imapdConf.ts';
import { setPassword } from '../../src/config/passwordFile.ts';
import { RetentionRules } from '../../src/config/retentionRules.ts';
import { disk as current } from '../../src/fs/disk/current.ts';
import { makeFolders } from '../../src/fs/folders.ts';
import { SampleSite } from '../backup/sampleBackup.ts';
import { WatchedDisk } from '../support/watchedDisk.ts';

describe('after a strict power cut', () => {
  let scratch: string;
  let disk: WatchedDisk;

  beforeEach(() => {
    scratch = mkdtempSync(join(tmpdir(), 'power-'));
    disk = WatchedDisk.watch();
  });

  afterEach(() => {
    disk.end();
    rmSync(scratch, { recursive: true, force: true });
  });

  it('new folders are there, each by its parent', () => {
    const path = join(scratch, 'a/b/c');
    makeFolders(path);
    expect(statSync(path).mode & 0o777).to.equal(0o700);
    expect(disk.unsynced()).to.deep.equal([]);
  });

  it('a folder is there that another process made and did not sync, the first time that this one uses it', () => {
    const path = join(scratch, 'hash');
    current.mkdirs(path, 0o700);
    expect(disk.unsynced()).to.deep.equal([path]);
    makeFolders(path);
    expect(disk.unsynced()).to.deep.equal([]);
    const before = disk.syncs;
    makeFolders(path);
    expect(disk.syncs).to.equal(before);
  });

  it('the first user of a letter and the catalogue are there: their folders were once gone', () => {
    const config = join(scratch, 'imapd.conf');
    const lines = [
      `configdirectory: ${scratch}/conf`,
      `backuppartition-default: ${scratch}/data`,
      'admins: repl',
    ];
    appendFileSync(config, lines.join('\n'));
    const catalog = Catalog.open(writableCatalog(loadConfig(config)));
    const afterOpen = disk.unsynced();
    const path = catalog.create('anne');
    const afterCreate = disk.unsynced();
    catalog.inboxes.put('u-anne', 'anne');
    const afterInbox = disk.unsynced();
    catalog.rename('anne', 'bethany');
    const afterRename = disk.unsynced();
    catalog.close();
    const own = (names: string[]): string[] => names.filter((name) => !name.endsWith('imapd.conf'));
    expect([afterOpen, afterCreate, afterInbox, afterRename].map(own)).to.deep.equal([[], [], [], []]);
    expect(existsSync(path)).to.equal(true);
  });

  it('rules, holds and passwords are there', async () => {
    writeFileSync(join(scratch, 'backups.db'), '');
    new RetentionRules(join(scratch, 'backups.db')).setHold('anne', 'court order');
    await setPassword(join(scratch, 'passwd'), 'anne', 'secret');
    const unsynced = disk.unsynced().filter((name) => !name.endsWith('backups.db'));
    expect(unsynced).to.deep.equal([]);
  });

  it('a backup is there in the new hash folder that it was moved to, and what was kept of it', async () => {
    const site = await SampleSite.create(['anne']);
    try {
      appendFileSync(site.config, `backuppartition-two: ${site.folder}/two\n`);
      const from = site.pathOf('anne');
      writeFileSync(`${from}.torn`, 'torn');
      writeFileSync(`${from}.1700000000`, 'of before');
      const before = new Set(disk.unsynced());
      const catalog = Catalog.open(writableCatalog(loadConfig(site.config)));
      const [folder, lock, notice] = [join(site.folder, 'two/a'), {}, (): void => undefined];
      const to = await moveBackup({ catalog, userid: 'anne', folder, otherFolders: [], lock, notice });
      catalog.close();
      expect(disk.unsynced().filter((name) => !before.has(name))).to.deep.equal([]);
      for (const suffix of ['', '.torn', '.1700000000'])
        expect(existsSync(to + suffix), suffix).to.equal(true);
    } finally {
      site.remove();
    }
  });
});
