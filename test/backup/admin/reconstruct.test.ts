import { expect } from 'chai';
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { planReconstruct } from '../../../src/backup/admin/reconstruct.ts';
import type { Finding } from '../../../src/backup/admin/reconstruct.ts';
import { applyReconstruct, RECONSTRUCT_STEPS } from '../../../src/backup/admin/reconstructApply.ts';
import { filesBelow } from '../../../src/catalog/backupFiles.ts';
import { Catalog } from '../../../src/catalog/catalog.ts';
import { Twoskip } from '../../../src/catalog/twoskip/database.ts';
import { writableCatalog } from '../../../src/catalog/catalogOptions.ts';
import { loadConfig } from '../../../src/config/imapdConf.ts';
import { runCtl } from '../../support/killedTool.ts';
import { SampleSite } from '../sampleBackup.ts';

describe('reconstruct', () => {
  let site: SampleSite;
  let anne: string;

  beforeEach(async () => {
    site = await SampleSite.create(['anne', 'zoe@example.com']);
    anne = site.pathOf('anne');
  });

  afterEach(() => site.remove());

  function tamper(name: string, work: (database: Twoskip) => void): void {
    const database = Twoskip.open(join(site.folder, name));
    work(database);
    database.close();
  }

  const forget = (): void => rmSync(join(site.folder, 'conf/backups.db'));

  function entries(): Map<string, string> {
    const catalog = Catalog.open(writableCatalog(loadConfig(site.config)));
    try {
      return new Map([...catalog.list()].map(({ userid, path }) => [userid, path]));
    } finally {
      catalog.close();
    }
  }

  const plan = (): Finding[] => planReconstruct(filesBelow(join(site.folder, 'data')), entries(), 'DELETED');

  async function apply(isForced: boolean): Promise<void> {
    const catalog = Catalog.open(writableCatalog(loadConfig(site.config)));
    try {
      await applyReconstruct(
        catalog,
        planReconstruct(filesBelow(join(site.folder, 'data')), entries(), 'DELETED'),
        isForced,
      );
    } finally {
      catalog.close();
    }
  }

  const of = (path: string): Finding | undefined => plan().find((finding) => finding.path === path);

  it('leaves what is right as it is', () => {
    expect(plan().map(({ kind }) => kind)).to.deep.equal(['kept', 'kept']);
  });

  it('finds every backup again, by name and content', async () => {
    const before = entries();
    forget();
    await apply(false);
    expect(entries()).to.deep.equal(before);
  });

  it('does so without indexes', async () => {
    const before = entries();
    forget();
    for (const path of before.values()) rmSync(`${path}.index`);
    await apply(false);
    expect(entries()).to.deep.equal(before);
  });

  it('believes the content, and says that the name is another', () => {
    const renamed = join(dirname(anne), 'bella_ABCDEF');
    renameSync(anne, renamed);
    renameSync(`${anne}.index`, `${renamed}.index`);
    expect(of(renamed)).to.deep.equal({
      kind: 'entered',
      userid: 'anne',
      path: renamed,
      instead: anne,
      remark: "named for bella, its mailboxes are anne's",
    });
  });

  it('goes by the name where there is no content, and says so', () => {
    const path = join(dirname(anne), 'newuser_ABCDEF');
    const sub = '1700000000 APPLY SUB %(USERID newuser MBOXNAME user.newuser)';
    writeFileSync(path, gzipSync(`# cyrus backup: chunk start\r\n${sub}\r\n`));
    expect(of(path)).to.include({ kind: 'entered', userid: 'newuser' });
    expect(of(path)).to.have.property('remark', 'known by its name only: it has no mailboxes');
  });

  it('removes the empty file of a creation that failed, and no empty one that has lost its content', async () => {
    const orphan = join(dirname(anne), 'newuser_ABCDEF');
    const lost = join(dirname(anne), 'another_ABCDEF');
    for (const path of [orphan, lost]) writeFileSync(path, '');
    copyFileSync(`${anne}.index`, `${lost}.index`);
    expect(of(orphan)).to.deep.equal({ kind: 'orphan', path: orphan });
    expect(of(lost)).to.have.property('kind', 'entered');
    await apply(false);
    expect([orphan, lost].map((path) => existsSync(path))).to.deep.equal([false, true]);
    expect(entries().has('newuser')).to.equal(false);
  });

  it('drops entries that lead out of the partitions only by force, and never touches the files', () => {
    const victim = join(site.folder, 'victim_ABCDEF');
    writeFileSync(victim, 'of somebody else');
    tamper('conf/backups.db', (database) => {
      database.put('mallory', victim);
      database.put('../x', anne);
    });
    const args = ['-C', site.config, 'reconstruct'];
    const found = runCtl(args, null);
    expect(found.out).to.match(
      /^reconstruct mallory: failed \(.*victim_ABCDEF is no data file of a configured partition/m,
    );
    expect(found.out).to.match(/^reconstruct \.\.\/x: failed \(.*is no userid/m);
    expect(found.code).to.equal(65);
    expect(runCtl(['-F', ...args], null).code).to.equal(0);
    expect([...entries().keys()]).to.deep.equal(['anne', 'zoe@example.com']);
    expect(readFileSync(victim, 'utf8')).to.equal('of somebody else');
  });

  it('takes the last written of several, and tells of the others', () => {
    forget();
    const older = join(dirname(anne), 'anne_ABCDEF');
    writeFileSync(
      older,
      gzipSync('# cyrus backup: chunk start\r\n1700000000 APPLY SUB %(USERID anne MBOXNAME user.anne)\r\n'),
    );
    expect(of(anne)).to.include({ kind: 'entered', userid: 'anne', remark: 'the last written of 2' });
    expect(of(older)).to.include({ kind: 'left', isWrong: true });
  });

  it('changes no entry that is good for a file that is newer', () => {
    const copy = join(dirname(anne), 'anne_ABCDEF');
    copyFileSync(anne, copy);
    utimesSync(copy, 2_000_000_000, 2_000_000_000);
    expect(of(anne)).to.include({ kind: 'kept' });
    expect(of(copy)).to.include({ kind: 'left', reason: `anne has ${anne}`, isWrong: true });
  });

  it('drops an entry without a file only by force', async () => {
    rmSync(anne);
    rmSync(`${anne}.index`);
    const reason = `${anne} is not there`;
    expect(of(anne)).to.deep.equal({ kind: 'missing', userid: 'anne', path: anne, reason });
    await apply(false);
    expect(entries().has('anne')).to.equal(true);
    await apply(true);
    expect(entries().has('anne')).to.equal(false);
  });

  it('puts back a file of before, where a compact lost the present one, only by force', async () => {
    renameSync(anne, `${anne}.1700000000`);
    writeFileSync(`${anne}.1600000000`, '');
    const previous = `${anne}.1700000000`;
    expect(of(anne)).to.deep.equal({ kind: 'restorable', userid: 'anne', path: anne, previous });
    await apply(false);
    expect(existsSync(anne)).to.equal(false);
    await apply(true);
    expect(existsSync(anne)).to.equal(true);
  });

  it('names what is torn, broken off, kept, foreign or damaged', async () => {
    const hash = dirname(anne);
    for (const suffix of ['.torn', '.index.new', '.1700000000']) writeFileSync(anne + suffix, '');
    writeFileSync(join(hash, 'notes.txt'), '');
    writeFileSync(join(hash, 'fake_ABCDEF'), 'no gzip');
    mkdirSync(join(hash, 'folder'));
    const left = plan().flatMap((each) =>
      each.kind === 'left' ? [[basename(each.path), each.reason, each.isWrong]] : [],
    );
    const name = basename(anne);
    expect(new Set(left)).to.deep.equal(
      new Set([
        [`${name}.1700000000`, 'kept by backup_keep_previous', false],
        [`${name}.torn`, 'bytes that a crash tore off, kept aside', false],
        ['fake_ABCDEF', 'no data file: it does not begin as one', true],
        ['folder', 'no file of a backup', false],
        ['notes.txt', 'no file of a backup', false],
      ]),
    );
    expect(of(`${anne}.index.new`)).to.have.property('kind', 'leftover');
    await apply(true);
    expect(existsSync(`${anne}.index.new`)).to.equal(false);
    expect(existsSync(`${anne}.torn`)).to.equal(true);
  });

  it('keeps a backups.db that cannot be read, and makes a new one', () => {
    const before = entries();
    writeFileSync(join(site.folder, 'conf/backups.db'), 'garbage');
    const { code, out } = runCtl(['-C', site.config, 'reconstruct'], null);
    expect(out).to.match(/not a twoskip database|too short/);
    expect(code).to.equal(0);
    expect(entries()).to.deep.equal(before);
  });

  for (const step of RECONSTRUCT_STEPS) {
    it(`killed when it has ${step}, is finished by the next`, function () {
      this.timeout(10_000);
      renameSync(anne, `${anne}.1700000000`);
      writeFileSync(`${site.pathOf('zoe@example.com')}.index.new`, '');
      appendFileSync(`${anne}.torn`, 'x');
      forget();
      const args = ['-C', site.config, '-F', 'reconstruct'];
      expect(runCtl(args, `reconstruct:${step}`).signal).to.equal('SIGKILL');
      expect(runCtl(args, null).code).to.equal(0);
      expect([...entries().keys()]).to.deep.equal(['anne', 'zoe@example.com']);
      expect(existsSync(`${site.pathOf('zoe@example.com')}.index.new`)).to.equal(false);
      expect(runCtl(['-C', site.config, 'verify', '-A'], null).code).to.equal(0);
    });
  }
});
