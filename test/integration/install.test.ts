/**
 * `make install` and `make uninstall`, by the program that both run (build/install/install.mjs), in
 * a folder for DESTDIR.
 */
import { expect } from 'chai';
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../support/machine.ts';
import type { Outcome } from '../support/machine.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const NAMES = ['backupd', 'ctl_backups', 'cyr_backup', 'cyrus-backups', 'restore'];

describe('make install', function () {
  this.timeout(60_000);
  let destdir: string;

  beforeEach(() => {
    destdir = mkdtempSync(join(tmpdir(), 'destdir-'));
  });

  afterEach(() => rmSync(destdir, { recursive: true, force: true }));

  const install = (...args: string[]): Promise<Outcome> =>
    run(process.execPath, [join(ROOT, 'build/install/install.mjs'), '--destdir', destdir, ...args]);

  async function installed(...args: string[]): Promise<void> {
    const { code, stderr } = await install(...args);
    expect(code, stderr).to.equal(0);
  }

  /** Every path below DESTDIR, with kind and mode, and the content of files. */
  function tree(): string[] {
    return readdirSync(destdir, { recursive: true, encoding: 'utf8' })
      .map((path) => {
        const stats = lstatSync(join(destdir, path));
        const content = stats.isFile() ? readFileSync(join(destdir, path), 'latin1') : '';
        return `${path} ${stats.mode.toString(8)} ${content}`;
      })
      .toSorted();
  }

  it('places programs that run by themselves, by their names', async () => {
    await installed();
    for (const name of NAMES) {
      const path = join(destdir, 'usr/local/bin', name);
      // Without PATH: a service and mount(8) must find Node all the same.
      const { stdout, stderr } = await run(path, ['--help'], { env: {} });
      expect(`${stdout}${stderr}`).to.match(new RegExp(`usage: ${name}`, 'i'));
    }
  });

  it('places every npm package that the programs load, and each loads', async () => {
    await installed();
    const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    const sqlite =
      Number(process.versions.node.split('.')[0]) >= 22 ? 'better-sqlite3' : 'better-sqlite3-napi';
    const names = Object.keys(dependencies).filter((name) => name !== sqlite);
    const body = names.map((name) => `await import('${name}');`).join('\n');
    const { code, stderr } = await run(process.execPath, ['--input-type=module', '-e', body], {
      cwd: join(destdir, 'usr/local/lib/cyrus-backups'),
    });
    expect(code, stderr).to.equal(0);
  });

  it('leaves out what only builds and tests', async () => {
    await installed();
    const modules = join(destdir, 'usr/local/lib/cyrus-backups/node_modules');
    const { devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      devDependencies: Record<string, string>;
    };
    expect(Object.keys(devDependencies).filter((name) => existsSync(join(modules, name)))).to.deep.equal([]);
    const sources = readdirSync(modules, { recursive: true, encoding: 'utf8' });
    expect(sources.filter((path) => /\.(c|cc|cpp|h|o|a|gyp|ts|map)$/.test(path))).to.deep.equal([]);
  });

  it('fills PREFIX into the units, which lie where systemd looks', async () => {
    await installed('--prefix', '/opt/cb');
    const unit = readFileSync(join(destdir, 'opt/cb/lib/systemd/system/backupd.service'), 'utf8');
    expect(unit).to.contain(
      `ExecStart=${process.execPath} /opt/cb/lib/cyrus-backups/dist/bin/backupd -C /etc/cyrus-backups/imapd.conf`,
    );
    expect(unit).not.to.match(/@[A-Z]+@/);
  });

  it('is undone by make uninstall: the tree is as it was', async () => {
    mkdirSync(join(destdir, 'usr/local/bin'), { recursive: true });
    mkdirSync(join(destdir, 'usr/local/lib/empty'), { recursive: true });
    writeFileSync(join(destdir, 'usr/local/bin/other'), 'another program');
    const before = tree();
    await installed();
    await installed();
    await installed('--remove');
    expect(tree()).to.deep.equal(before);
  });

  it('leaves what an administrator put beside it', async () => {
    await installed();
    const own = 'usr/local/share/man/man8/local.8';
    writeFileSync(join(destdir, own), 'a page');
    await installed('--remove');
    expect(tree().filter((line) => line.includes('.8 '))).to.have.length(1);
    expect(existsSync(join(destdir, 'usr/local/lib'))).to.equal(false);
  });

  it('removes what an earlier version had placed and this one does not', async () => {
    await installed();
    const list = join(destdir, 'usr/local/lib/cyrus-backups/installed-files');
    mkdirSync(join(destdir, 'usr/local/lib/cyrus-backups/old'));
    writeFileSync(join(destdir, 'usr/local/lib/cyrus-backups/old/file.js'), '');
    writeFileSync(
      list,
      `file /usr/local/lib/cyrus-backups/old/file.js\nfolder /usr/local/lib/cyrus-backups/old\n${readFileSync(list, 'utf8')}`,
    );
    await installed();
    expect(existsSync(join(destdir, 'usr/local/lib/cyrus-backups/old'))).to.equal(false);
  });

  it('changes nothing where a name is taken by another program', async () => {
    mkdirSync(join(destdir, 'usr/local/bin'), { recursive: true });
    writeFileSync(join(destdir, 'usr/local/bin/restore'), 'of dump(8)');
    const before = tree();
    const { code, stderr } = await install();
    expect(code).to.equal(1);
    expect(stderr).to.match(
      /are not from an installation of cyrus-backups:\n {2}\S+\/usr\/local\/bin\/restore\n/,
    );
    expect(tree()).to.deep.equal(before);
  });

  it('takes over the links of an installation that kept no list', async () => {
    mkdirSync(join(destdir, 'usr/local/bin'), { recursive: true });
    symlinkSync('../lib/cyrus-backups/dist/bin/restore', join(destdir, 'usr/local/bin/restore'));
    await installed();
  });

  it('says that there is nothing to remove', async () => {
    const { code, stderr } = await install('--remove');
    expect(code).to.equal(1);
    expect(stderr).to.contain('nothing to remove');
  });

  it('needs no network and no npm', async () => {
    const { code, stderr } = await run(
      process.execPath,
      [join(ROOT, 'build/install/install.mjs'), '--destdir', destdir],
      { env: { PATH: '/nowhere', http_proxy: 'http://127.0.0.1:9' } },
    );
    expect(code, stderr).to.equal(0);
  });
});

describe('the package for npm', function () {
  this.timeout(60_000);
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'npm-'));
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  it('has the programs, the man pages and what places the rest', async () => {
    const packed = await run('npm', ['pack', '--offline', '--pack-destination', folder], { cwd: ROOT });
    expect(packed.code, packed.stderr).to.equal(0);
    const name = readdirSync(folder).find((file) => file.endsWith('.tgz')) ?? '';
    const { code, stderr } = await run('tar', ['xzf', name], { cwd: folder });
    expect(code, stderr).to.equal(0);
    const root = join(folder, 'package');
    const { bin, man } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      bin: Record<string, string>;
      man: string[];
    };
    expect(Object.keys(bin)).to.include.members(NAMES);
    const missing = [...Object.values(bin), ...man].filter((path) => !existsSync(join(root, path)));
    expect(missing).to.deep.equal([]);
    expect(man.map((path) => path.split('/').at(-1))).to.have.members(readdirSync(join(ROOT, 'docs/man')));
  });

  it('places units and mount helpers for itself with one command, and removes them', async () => {
    // npm installs the dependencies from its registry. Here they are those of the checkout.
    const home = join(folder, 'lib/node_modules/cyrus-backups');
    cpSync(join(folder, 'package'), home, { recursive: true });
    symlinkSync(join(ROOT, 'node_modules'), join(home, 'node_modules'));
    const destdir = join(folder, 'destdir');
    const place = (...args: string[]): Promise<Outcome> =>
      run(process.execPath, [
        join(home, 'build/install/install.mjs'),
        '--system-only',
        '--destdir',
        destdir,
        ...args,
      ]);
    const placed = await place();
    expect(placed.code, placed.stderr).to.equal(0);
    const helper = readFileSync(join(destdir, 'sbin/mount.cyrus-backups'), 'utf8');
    expect(helper).to.equal(
      `#!/bin/sh\nexec ${process.execPath} ${home}/dist/bin/mount-cyrus-backups "$@"\n`,
    );
    const unit = readFileSync(join(destdir, 'usr/local/lib/systemd/system/backupd.service'), 'utf8');
    expect(unit).to.contain(`ExecStart=${process.execPath} ${home}/dist/bin/backupd `);
    const removed = await place('--remove');
    expect(removed.code, removed.stderr).to.equal(0);
    expect(readdirSync(destdir)).to.deep.equal([]);
  });
});
