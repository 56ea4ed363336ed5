import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Backup } from '../../../src/backup/backup.ts';
import { MOVE_STEPS, moveBackup } from '../../../src/backup/admin/move.ts';
import { BackupReader } from '../../../src/backup/reader.ts';
import { Catalog } from '../../../src/catalog/catalog.ts';
import { LockedFile } from '../../../src/fs/lockedFile.ts';
import { readOnlyCatalog, writableCatalog } from '../../../src/catalog/catalogOptions.ts';
import { loadConfig } from '../../../src/config/imapdConf.ts';
import { messageByGuid } from '../../../src/index/queries/messages.ts';
import { runCtl } from '../../support/killedTool.ts';
import { MESSAGES, SampleSite, guidOf } from '../sampleBackup.ts';
import { mailboxLine } from '../../support/backups.ts';

const CTL_BACKUPS = fileURLToPath(new URL('../../../bin/ctl_backups', import.meta.url));

describe('move', () => {
  let site: SampleSite;
  let from: string;
  let folder: string;

  beforeEach(async () => {
    site = await SampleSite.create(['anne']);
    appendFileSync(site.config, `backuppartition-two: ${site.folder}/two\n`);
    from = site.pathOf('anne');
    folder = join(site.folder, 'two/a');
  });

  afterEach(() => site.remove());

  const placeOf = (userid: string): string | null => {
    const catalog = Catalog.open(readOnlyCatalog(loadConfig(site.config)));
    try {
      return catalog.find(userid);
    } finally {
      catalog.close();
    }
  };

  async function move(notices: string[] = []): Promise<string> {
    const catalog = Catalog.open(writableCatalog(loadConfig(site.config)));
    try {
      return await moveBackup({
        catalog,
        userid: 'anne',
        folder,
        otherFolders: [join(site.folder, 'data/a'), folder],
        lock: {},
        notice: (message) => notices.push(message),
      });
    } finally {
      catalog.close();
    }
  }

  /** All files below both partitions. */
  const files = (): string[] =>
    ['data', 'two']
      .map((partition) => join(site.folder, partition))
      .filter((path) => existsSync(path))
      .flatMap((path) =>
        readdirSync(path, { recursive: true, encoding: 'utf8' }).map((name) => join(path, name)),
      )
      .filter((path) => statSync(path).isFile() && !/-(wal|shm)$/.test(path))
      .toSorted();

  it('takes the data file, its index and what lies beside, and leaves nothing', async () => {
    const bytes = readFileSync(from);
    writeFileSync(`${from}.torn`, 'torn');
    writeFileSync(`${from}.1700000000`, 'before');
    const to = await move();
    expect(to).to.equal(join(folder, basename(from)));
    expect(placeOf('anne')).to.equal(to);
    expect(readFileSync(to).equals(bytes)).to.equal(true);
    expect(files()).to.deep.equal([to, `${to}.1700000000`, `${to}.index`, `${to}.torn`]);
    expect(statSync(to).mode % 0o1000).to.equal(0o600);
    expect(statSync(`${to}.index`).mode % 0o1000).to.equal(0o600);
    expect(runCtl(['-C', site.config, 'verify', 'anne'], null).out).to.equal('verify anne: ok\n');
  });

  it('leaves a reader that is open what it sees', async () => {
    const reader = new BackupReader(from);
    try {
      await move();
      const message = messageByGuid(reader.index, guidOf(MESSAGES[0]));
      expect(message && reader.read(message, 0, message.size).equals(MESSAGES[0])).to.equal(true);
      expect(reader.isCurrent()).to.equal(false);
    } finally {
      reader.close();
    }
  });

  it('takes along what is written while it copies', async () => {
    const options = { stagingDirectory: site.folder, compressionLevel: 6, lockTimeoutMs: 0 };
    const backup = await Backup.open('anne', from, options, () => undefined);
    await backup.append(mailboxLine(1_795_383_000, { uniqueid: 'late', name: 'user.anne.Late' }));
    const catalog = Catalog.open(writableCatalog(loadConfig(site.config)));
    const moving = moveBackup({
      catalog,
      userid: 'anne',
      folder,
      otherFolders: [],
      lock: { wait: {} },
      notice: () => undefined,
    });
    await backup.append(mailboxLine(1_795_383_001, { uniqueid: 'later', name: 'user.anne.Later' }));
    await backup.close();
    const to = await moving;
    catalog.close();
    const reader = new BackupReader(to);
    const names = reader.index.all<{ name: string }>('SELECT name FROM mailbox ORDER BY name');
    reader.close();
    expect(names.map(({ name }) => name)).to.include.members(['user.anne.Late', 'user.anne.Later']);
  });

  it('is refused while another holds the lock, and leaves nothing behind', async () => {
    const file = await LockedFile.acquire(from);
    try {
      await move();
      expect.fail('it was moved');
    } catch (error) {
      expect(error).to.have.property('kind', 'locked');
    } finally {
      file.release();
    }
    expect(files()).to.deep.equal([from, `${from}.index`]);
  });

  it('leaves a file of that name that is no copy, and says so', async () => {
    await move();
    writeFileSync(from, 'something else');
    const notices: string[] = [];
    await move(notices);
    expect(notices).to.have.length(1);
    expect(notices[0]).to.match(/is left: it is no copy of/);
    expect(readFileSync(from, 'utf8')).to.equal('something else');
  });

  it('leaves the copy that another move is writing as it is, and says who has it', async () => {
    mkdirSync(folder, { recursive: true });
    const beside = `${join(folder, basename(from))}.new`;
    const other = await LockedFile.acquire(beside, { create: true });
    writeFileSync(other.fd, 'half a copy');
    const failed = await move().catch((error: unknown) => error);
    expect(failed).to.have.property('kind', 'locked');
    expect(readFileSync(beside, 'utf8')).to.equal('half a copy');
    other.release();
    expect(await move()).to.equal(join(folder, basename(from)));
  });

  it('is done once where several ask for it at a time, and loses nothing', async () => {
    const bytes = readFileSync(from);
    for (let round = 0; round < 2; round += 1) {
      const config = ['-C', site.config];
      const target = round % 2 === 0 ? 'two' : 'one';
      const ended = await Promise.all(
        [1, 2, 3].map(async () => {
          const child = spawn(CTL_BACKUPS, [...config, '-w', 'move', 'anne', target], { stdio: 'ignore' });
          return ((await once(child, 'exit')) as [number | null])[0];
        }),
      );
      expect(ended).to.include(0);
      const path = placeOf('anne') as string;
      expect(path).to.include(round % 2 === 0 ? '/two/a/' : '/data/a/');
      expect(readFileSync(path).equals(bytes)).to.equal(true);
      expect(files()).to.deep.equal([path, `${path}.index`]);
    }
  }).timeout(60_000);

  it('overwrites no file of another user', async () => {
    mkdirSync(folder, { recursive: true });
    const other = join(folder, basename(from));
    writeFileSync(other, '');
    const catalog = Catalog.open(writableCatalog(loadConfig(site.config)));
    catalog.set('zoe', other);
    catalog.close();
    await move().then(
      () => expect.fail('it was moved'),
      (error: unknown) => expect(error).to.have.property('kind', 'bad-parameters'),
    );
    expect(placeOf('anne')).to.equal(from);
  });

  for (const step of MOVE_STEPS) {
    it(`killed when it has ${step}, is whole, and the next move finishes`, function () {
      this.timeout(10_000);
      expect(runCtl(['-C', site.config, 'move', 'anne', 'two'], `move:${step}`).signal).to.equal('SIGKILL');
      expect(placeOf('anne')).to.satisfy(existsSync);
      expect(runCtl(['-C', site.config, 'verify', 'anne'], null).out).to.equal('verify anne: ok\n');
      const again = runCtl(['-C', site.config, 'move', 'anne', 'two'], null);
      expect(again.out).to.match(/move anne: ok\n$/);
      expect(runCtl(['-C', site.config, 'verify', 'anne'], null).out).to.equal('verify anne: ok\n');
      const to = join(folder, basename(from));
      expect(files()).to.deep.equal([to, `${to}.index`]);
    });
  }
});
