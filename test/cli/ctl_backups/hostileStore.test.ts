import { expect } from 'chai';
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
} from 'node:fs';
import { lchownSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Twoskip } from '../../../src/catalog/twoskip/database.ts';
import { SampleSite } from '../../backup/sampleBackup.ts';
import { runCtl } from '../../support/killedTool.ts';
import { skipLoudly } from '../../support/skip.ts';

/** Any account but root. */
const OWNER = { uid: 5, gid: 60 };
const CONTENT = 'the only copy of something of root';

describe('root’s commands on a store whose owner has planted links', () => {
  let site: SampleSite;
  let anne: string;
  let victim: string;
  let config: string[];

  before(function () {
    if (process.getuid?.() !== 0) skipLoudly(this, 'root');
  });

  beforeEach(async () => {
    site = await SampleSite.create(['anne', 'zoe@example.com']);
    anne = site.pathOf('anne');
    config = ['-C', site.config];
    mkdirSync(join(site.folder, 'two'));
    writeFileSync(site.config, `backuppartition-two: ${site.folder}/two\n`, { flag: 'a' });
    chmodSync(site.config, 0o600);
    victim = join(site.folder, 'victim_ABCDEF');
    writeFileSync(victim, CONTENT, { mode: 0o600 });
    for (const folder of ['conf', 'data', 'two']) give(join(site.folder, folder));
    chmodSync(site.folder, 0o755);
  });

  afterEach(() => site.remove());

  function give(path: string): void {
    lchownSync(path, OWNER.uid, OWNER.gid);
    if (lstatSync(path).isDirectory()) for (const name of readdirSync(path)) give(join(path, name));
  }

  function plantLink(path: string): void {
    symlinkSync(victim, path);
    lchownSync(path, OWNER.uid, OWNER.gid);
  }

  /** Also to files that other programs write: of SQLite, of another partition. */
  function plantAll(): void {
    const moved = join(site.folder, 'two/a');
    mkdirSync(moved);
    chownSync(moved, OWNER.uid, OWNER.gid);
    const suffixes = ['.new', '.torn', '.repair', '.index.new', '.new.index', '.repair.index', '.1700000000'];
    for (const suffix of suffixes) plantLink(anne + suffix);
    for (const suffix of ['', '.new', '.new.index', '.torn']) plantLink(join(moved, basename(anne)) + suffix);
    for (const name of ['figures.db', 'backups.db.NEW', 'backup.retention.new', 'inboxes.db']) {
      rmSync(join(site.folder, 'conf', name), { force: true });
      plantLink(join(site.folder, 'conf', name));
    }
  }

  function victimIsWhole(): void {
    expect(readFileSync(victim, 'utf8')).to.equal(CONTENT);
    const { uid, gid, mode } = lstatSync(victim);
    expect({ uid, gid, mode: mode & 0o7777 }).to.deep.equal({ uid: 0, gid: 0, mode: 0o600 });
  }

  /** All but what a test has planted. */
  function allIsTheOwners(folder: string): void {
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      const stats = lstatSync(path);
      expect({ path, uid: stats.uid, gid: stats.gid }).to.deep.equal({ path, ...OWNER });
      if (stats.isDirectory()) allIsTheOwners(path);
    }
  }

  it('write through none of them, and leave every file to the owner', function () {
    this.timeout(60_000);
    plantAll();
    // A torn end, so that NAME.torn is written.
    writeFileSync(anne, Buffer.from([31, 139, 8, 0]), { flag: 'a' });
    const commands = [
      ['list', '-A'],
      ['stat', '-A'],
      ['verify', '-A'],
      ['reindex', '-A'],
      ['--jobs', '2', 'reindex', '-A'],
      ['--repair', 'verify', '-A'],
      ['-F', 'compact', '-A'],
      ['retention', 'anne', '30d'],
      ['hold', 'zoe@example.com', 'reason'],
      ['move', 'anne', 'two'],
      ['rename', 'anne', 'bethany'],
      ['reconstruct'],
      ['-F', 'reconstruct'],
      ['-F', 'delete', 'bethany'],
    ];
    for (const command of commands) {
      const { out, signal } = runCtl([...config, ...command], null);
      expect(signal, out).to.equal(null);
      victimIsWhole();
    }
    for (const folder of ['conf', 'data', 'two']) allIsTheOwners(join(site.folder, folder));
  });

  it('work as before where nothing is planted: they read a configuration that only root can, and exit 0', () => {
    for (const command of [
      ['--jobs', '2', 'verify', '-A'],
      ['-F', 'compact', '-A'],
      ['move', 'anne', 'two'],
      ['rename', 'anne', 'bethany'],
      ['verify', '-A'],
      ['hold', 'bethany'],
      ['reconstruct'],
    ]) {
      const { code, out } = runCtl([...config, ...command], null);
      expect(code, `${command.join(' ')}: ${out}`).to.equal(0);
    }
    for (const folder of ['conf', 'data', 'two']) allIsTheOwners(join(site.folder, folder));
  });

  it('do not follow a data file that is a link, symbolic or hard, nor a data file’s index', () => {
    rmSync(anne);
    plantLink(anne);
    expect(runCtl([...config, 'verify', '-A'], null).out).to.match(
      /verify anne: failed \(.* is a symbolic link, which is not followed\)/,
    );
    rmSync(anne);
    linkSync(victim, anne);
    for (const command of [
      ['verify', '-A'],
      ['-F', 'compact', '-A'],
      ['--repair', 'verify', '-A'],
    ]) {
      const { out } = runCtl([...config, ...command], null);
      expect(out).to.match(/anne: failed \(/);
      victimIsWhole();
    }
    for (const command of [
      ['verify', '-f', anne],
      ['-F', 'compact', '-f', anne],
    ]) {
      runCtl([...config, ...command], null);
      victimIsWhole();
    }
    const index = `${site.pathOf('zoe@example.com')}.index`;
    rmSync(index);
    plantLink(index);
    // It is named, and another index takes its place.
    expect(runCtl([...config, 'verify', 'zoe@example.com'], null).out).to.match(
      /the index is damaged: .*\.index is a symbolic link, which is not followed; built anew\n/,
    );
    expect(runCtl([...config, 'verify', 'zoe@example.com'], null).code).to.equal(0);
    victimIsWhole();
  });

  it('open no file that an entry of backups.db names outside the partitions, and go on with the others', () => {
    const database = Twoskip.open(join(site.folder, 'conf/backups.db'));
    database.put('aaa', victim);
    database.close();
    for (const command of ['verify', 'compact', 'reindex', 'list', 'stat']) {
      const { code, out } = runCtl([...config, '-F', command, '-A'], null);
      expect(out).to.match(
        /^aaa: .*victim_ABCDEF is no data file of a configured partition .*: stop backupd and run ctl_backups reconstruct$/m,
      );
      expect(out).to.match(/zoe@example\.com/);
      expect(code).to.equal(65);
      victimIsWhole();
    }
  });

  it('run as root what lock -x is told to run', () => {
    const { code, out } = runCtl([...config, 'lock', '-x', 'id -u; id -ru', 'anne'], null);
    expect(out).to.match(/^0\n0$/m);
    expect(code).to.equal(0);
  });
});

describe('root’s commands on a store of root', () => {
  before(function () {
    if (process.getuid?.() !== 0) skipLoudly(this, 'root');
  });

  it('write to no hard link of a file elsewhere, but to a backup that a killed compact has kept a name of', async () => {
    const site = await SampleSite.create(['anne', 'zoe']);
    try {
      const victim = join(site.folder, 'victim');
      writeFileSync(victim, CONTENT);
      const [anne, zoe] = [site.pathOf('anne'), site.pathOf('zoe')];
      linkSync(zoe, `${zoe}.1700000000`);
      rmSync(anne);
      linkSync(victim, anne);
      linkSync(victim, `${zoe}.new`);
      linkSync(victim, `${zoe}.torn`);
      writeFileSync(zoe, Buffer.from([31, 139, 8, 0]), { flag: 'a' });
      writeFileSync(site.config, 'backup_keep_previous: on\n', { flag: 'a' });
      const { out } = runCtl(['-C', site.config, '-F', 'compact', '-A'], null);
      expect(out).to.match(/anne: failed \(.* has another name elsewhere \(a hard link\)/);
      expect(readFileSync(victim, 'utf8')).to.equal(CONTENT);
      rmSync(`${zoe}.torn`);
      expect(runCtl(['-C', site.config, '-F', 'compact', 'zoe'], null).out).to.match(/compact zoe: ok/);
      expect(readFileSync(victim, 'utf8')).to.equal(CONTENT);
      expect(readdirSync(dirname(zoe)).filter((name) => /\.\d+$/.test(name))).to.include(
        `${basename(zoe)}.1700000000`,
      );
    } finally {
      site.remove();
    }
  });
});
