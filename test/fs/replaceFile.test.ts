import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RetentionRules } from '../../src/config/retentionRules.ts';
import { BackupError } from '../../src/errors.ts';
import { replaceFile } from '../../src/fs/replaceFile.ts';
import { SampleSite } from '../backup/sampleBackup.ts';
import { skipLoudly } from '../support/skip.ts';
import { WatchedDisk } from '../support/watchedDisk.ts';

const CTL_BACKUPS = fileURLToPath(new URL('../../bin/ctl_backups', import.meta.url));

describe('a file that is replaced', () => {
  let scratch: string;

  beforeEach(() => (scratch = mkdtempSync(join(tmpdir(), 'replace-'))));
  afterEach(() => rmSync(scratch, { recursive: true, force: true }));

  it('keeps its mode, and as root its owner; a new one is private and its folder’s', () => {
    const path = join(scratch, 'file');
    replaceFile(path, Buffer.from('one'));
    expect(statSync(path).mode & 0o777).to.equal(0o600);
    chmodSync(path, 0o640);
    const isRoot = process.getuid?.() === 0;
    if (isRoot) chownSync(path, 5, 60);
    replaceFile(path, Buffer.from('two'));
    expect(readFileSync(path, 'utf8')).to.equal('two');
    expect(statSync(path).mode & 0o777).to.equal(0o640);
    if (isRoot) expect(statSync(path)).to.include({ uid: 5, gid: 60 });
  });

  it('is written through no link, and past what a killed writer left', () => {
    const [path, victim] = [join(scratch, 'file'), join(scratch, 'victim')];
    writeFileSync(victim, 'of somebody else');
    symlinkSync(victim, `${path}.new`);
    replaceFile(path, Buffer.from('one'));
    rmSync(path);
    symlinkSync(victim, path);
    replaceFile(path, Buffer.from('two'));
    expect(readFileSync(path, 'utf8')).to.equal('two');
    expect(readFileSync(victim, 'utf8')).to.equal('of somebody else');
    expect(readdirSync(scratch).toSorted()).to.deep.equal(['file', 'victim']);
  });

  it('on a full disk stays as it was, whole', function () {
    const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=96k', 'tmpfs', scratch]);
    if (mount.status !== 0) skipLoudly(this, 'the right to mount a tmpfs');
    try {
      const path = join(scratch, 'file');
      const before = Buffer.alloc(40_000, 'before ');
      replaceFile(path, before);
      expect(() => replaceFile(path, Buffer.alloc(80_000, 'after ')))
        .to.throw(BackupError, path)
        .with.property('kind', 'no-space');
      expect(readFileSync(path).equals(before)).to.equal(true);
      expect(readdirSync(scratch)).to.deep.equal(['file']);
      replaceFile(path, Buffer.from('little'));
      expect(readFileSync(path, 'utf8')).to.equal('little');
    } finally {
      spawnSync('umount', [scratch]);
    }
  });

  it('whose folder cannot be synced is said to be replaced, and perhaps not for good', () => {
    const path = join(scratch, 'file');
    replaceFile(path, Buffer.from('one'));
    const disk = WatchedDisk.watch();
    try {
      disk.failsSync = (_, of) => of === scratch;
      expect(() => replaceFile(path, Buffer.from('two'))).to.throw(BackupError, /was replaced, but may be/);
      disk.failsSync = (_, of) => of !== scratch;
      expect(() => replaceFile(path, Buffer.from('three'))).to.throw(BackupError, /cannot write/);
    } finally {
      disk.end();
    }
    expect(readFileSync(path, 'utf8')).to.equal('two');
  });
});

describe('a hold', () => {
  let site: SampleSite;
  beforeEach(async () => (site = await SampleSite.create(['anne'])));
  afterEach(() => site.remove());

  it('is not lost where the file of holds is cut short: that once ended well, without half of them', () => {
    const folder = join(site.folder, 'conf');
    mkdirSync(folder, { recursive: true });
    const path = join(folder, 'backup.retention');
    const held = Array.from({ length: 3000 }, (_, at) => `user${at}`);
    writeFileSync(path, held.map((userid) => `hold ${userid} court order\n`).join(''));
    const hold = (limit: string): ReturnType<typeof spawnSync> =>
      spawnSync('sh', [
        '-c',
        `ulimit -f ${limit}; exec "$@"`,
        'sh',
        CTL_BACKUPS,
        '-C',
        site.config,
        'hold',
        'anne',
      ]);
    // In blocks of 512 or 1024 bytes: more than backups.db has, less than the rules.
    const { status, stderr } = hold('16');
    expect(status, String(stderr)).to.be.greaterThan(0);
    expect(String(stderr)).to.match(/cannot write .*backup\.retention/);
    const rules = (): RetentionRules => new RetentionRules(join(folder, 'backups.db'));
    expect([...rules().holds()].map(([userid]) => userid)).to.deep.equal(held);
    expect(readdirSync(folder)).to.not.include('backup.retention.new');
    expect(hold('unlimited').status).to.equal(0);
    expect([...rules().holds()].map(([userid]) => userid)).to.deep.equal([...held, 'anne']);
  });
});
