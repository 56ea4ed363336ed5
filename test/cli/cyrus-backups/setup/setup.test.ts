/** setup on empty folders, on its own work, and on files of others: what it makes, says and refuses. */
import { expect } from 'chai';
import { chmodSync, chownSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, readdirSync } from 'node:fs';
import { rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import type { PasswdIo } from '../../../../src/cli/cyrus-backups/passwd.ts';
import { runSetup } from '../../../../src/cli/cyrus-backups/setup/setup.ts';
import { loadConfig, requireServerConfig } from '../../../../src/config/imapdConf.ts';
import { PasswordFile } from '../../../../src/config/passwordFile.ts';
import { needs } from '../../../support/needs.ts';
import { everythingBelow } from '../check/checkedSite.ts';

describe('cyrus-backups setup', () => {
  let scratch: string;
  let config: string;
  let said: string;

  beforeEach(() => {
    scratch = mkdtempSync(join(tmpdir(), 'setup-'));
    chmodSync(scratch, 0o755);
    config = join(scratch, 'etc/imapd.conf');
    writeFileSync(join(scratch, 'pw'), 'secret\n', { mode: 0o600 });
    said = '';
  });
  afterEach(() => rmSync(scratch, { recursive: true, force: true }));

  const sink = { write: (text: string): unknown => (said += text) };
  const isRoot = process.geteuid?.() === 0;
  /** Root must name an account; a number without a name does. */
  const account = isRoot ? ['--account', 'nobody'] : [];

  function folders(): string[] {
    return [
      '-C',
      config,
      '--state',
      join(scratch, 'state'),
      '--partition',
      join(scratch, 'data'),
      ...account,
    ];
  }

  /** Runs setup without a terminal. */
  async function setup(...args: string[]): Promise<number> {
    said = '';
    return runSetup(args, { stdin: Readable.from([]), stdout: sink, stderr: sink });
  }

  const complete = (...more: string[]): Promise<number> =>
    setup(...folders(), '--password-file', join(scratch, 'pw'), '--no-test', ...more);

  it('makes a configuration that backupd takes, folders, and the password', async () => {
    expect(await complete('--retention', '90d', '--listen', '127.0.0.1:2005 127.0.0.1:2006'), said).to.equal(
      0,
    );
    const loaded = loadConfig(config);
    requireServerConfig(loaded);
    expect(loaded.backup_retention).to.equal(90 * 86_400);
    expect(loaded.backup_listen).to.deep.equal(['127.0.0.1:2005', '127.0.0.1:2006']);
    expect(
      await new PasswordFile(join(scratch, 'state/backup.passwd')).verify('repluser', 'secret'),
    ).to.equal(true);
    for (const name of ['state', 'data']) expect(lstatSync(join(scratch, name)).mode & 0o777).to.equal(0o700);
    expect(said).to.not.include('secret');
  });

  it('gives everything but the configuration to the account, as root', async function () {
    needs(this, 'root');
    await complete();
    const uids = ['state', 'data', 'state/backup.passwd'].map((name) => lstatSync(join(scratch, name)).uid);
    expect(new Set(uids)).to.deep.equal(new Set([65_534]));
    expect(lstatSync(config)).to.include({ uid: 0, gid: 65_534 });
    expect(lstatSync(config).mode & 0o777).to.equal(0o640);
  });

  it('changes nothing when it is run again, with the same answers or with none', async () => {
    await complete('--retention', '90d');
    const before = everythingBelow(scratch);
    expect(await complete('--retention', '90d'), said).to.equal(0);
    expect(await setup('-C', config, '--no-test'), said).to.equal(0);
    expect(everythingBelow(scratch)).to.deep.equal(before);
    expect(said).to.match(/unchanged: .*imapd.conf/);
  });

  it('leaves what an administrator has changed by hand', async () => {
    await complete();
    const text = readFileSync(config, 'utf8')
      .replace('admins: repluser', 'admins: repluser  other')
      .replace('compact_minsize: 1024', 'compact_minsize: 9')
      .replace('backup_retention: 30d', 'backup_retention: 30');
    writeFileSync(config, `${text}debug: yes\n`);
    const before = everythingBelow(scratch);
    expect(await setup('-C', config, '--no-test'), said).to.equal(0);
    expect(everythingBelow(scratch)).to.deep.equal(before);
  });

  it('shows the difference, refuses, and with --force keeps the former file and other options', async () => {
    await complete();
    writeFileSync(config, `${readFileSync(config, 'utf8')}virtdomains: userid\nbackup_max_connections: 7\n`);
    const before = readFileSync(config, 'utf8');
    expect(await setup('-C', config, '--no-test', '--retention', '9d')).to.equal(75);
    expect(said)
      .to.include('-backup_retention: 30d')
      .and.include('+backup_retention: 9d')
      .and.include('--force');
    expect(readFileSync(config, 'utf8')).to.equal(before);
    expect(await setup('-C', config, '--no-test', '--retention', '9d', '--force'), said).to.equal(0);
    const loaded = loadConfig(config);
    expect([loaded.virtdomains, loaded.backup_max_connections]).to.deep.equal(['userid', 7]);
    const kept = readdirSync(join(scratch, 'etc')).filter((name) => /^imapd.conf\.\d+$/.test(name));
    expect(kept.map((name) => readFileSync(join(scratch, 'etc', name), 'utf8'))).to.deep.equal([before]);
  });

  it('does not overwrite somebody’s own configuration', async () => {
    mkdirSync(join(scratch, 'etc'));
    writeFileSync(config, 'configdirectory: /var/lib/cyrus\nadmins: cyrus\n');
    expect(await complete()).to.equal(75);
    expect(readFileSync(config, 'utf8')).to.include('/var/lib/cyrus');
    expect(readdirSync(scratch).toSorted()).to.deep.equal(['etc', 'pw']);
  });

  it('does not replace a link or a FIFO', async () => {
    mkdirSync(join(scratch, 'etc'));
    symlinkSync(join(scratch, 'elsewhere'), config);
    expect(await complete()).to.equal(75);
    expect(said).to.include('is a symbolic link, and is not replaced');
    expect(readdirSync(scratch).toSorted()).to.deep.equal(['etc', 'pw']);
  });

  it('with -n shows what it would write, and writes nothing', async () => {
    expect(await complete('-n'), said).to.equal(0);
    expect(said)
      .to.match(/would make .*state/)
      .and.include('configdirectory: ');
    expect(readdirSync(scratch)).to.deep.equal(['pw']);
  });

  it('needs a password, and takes it from a file or from standard input, never as an argument', async () => {
    expect(await setup(...folders(), '--no-test')).to.equal(64);
    expect(said).to.include('no password for repluser: give --password-file FILE');
    const io: PasswdIo = { stdin: Readable.from([Buffer.from('two words\n')]), stdout: sink, stderr: sink };
    expect(await runSetup([...folders(), '--no-test', '--password-file', '-'], io), said).to.equal(0);
    expect(
      await new PasswordFile(join(scratch, 'state/backup.passwd')).verify('repluser', 'two words'),
    ).to.equal(true);
    expect(await setup('--password', 'x')).to.equal(64);
  });

  it('does not change a password that is set without --force', async () => {
    await complete();
    writeFileSync(join(scratch, 'pw'), 'another\n');
    expect(await complete()).to.equal(75);
    expect(said).to.include('another password is set for repluser');
    expect(await complete('--force'), said).to.equal(0);
    expect(
      await new PasswordFile(join(scratch, 'state/backup.passwd')).verify('repluser', 'another'),
    ).to.equal(true);
  });

  it('refuses a folder of another account', async function () {
    needs(this, 'root');
    mkdirSync(join(scratch, 'data'));
    chownSync(join(scratch, 'data'), 4711, 4711);
    expect(await complete()).to.equal(75);
    expect(said).to.include('belongs to uid 4711').and.include('chown');
  });

  it('refuses a folder of root that holds something, and a link that an account has put there', async function () {
    needs(this, 'root');
    mkdirSync(join(scratch, 'data'));
    writeFileSync(join(scratch, 'data/file'), '');
    expect(await complete()).to.equal(75);
    rmSync(join(scratch, 'data'), { recursive: true });
    mkdirSync(join(scratch, 'elsewhere'));
    symlinkSync(join(scratch, 'elsewhere'), join(scratch, 'data'));
    expect(await complete()).to.not.equal(0);
    expect(lstatSync(join(scratch, 'elsewhere')).uid).to.equal(0);
  });

  for (const [title, args, message] of [
    ['an address that is none', ['--listen', 'nowhere'], /nowhere: host:port is expected/],
    ['TLS without a certificate', ['--listen', '127.0.0.1:2006/tls'], /give --tls-cert/],
    ['a certificate that is missing', ['--tls-cert', '/none'], /there is no such file: \/none/],
    ['a time that is none', ['--retention', 'long'], /not a time such as 30d: long/],
    ['a name that is none', ['--admin', 'a b'], /not a name: "a b"/],
    ['a channel that is none', ['--channel', 'a b'], /letters and digits/],
  ] as const) {
    it(`refuses ${title} before it makes anything`, async () => {
      expect(await complete(...args)).to.equal(64);
      expect(said).to.match(message);
      expect(readdirSync(scratch)).to.deep.equal(['pw']);
    });
  }

  it('takes from the master’s configuration what must be equal', async () => {
    writeFileSync(
      join(scratch, 'master.conf'),
      'virtdomains: userid\nunixhierarchysep: no\nconversations: 1\n',
    );
    expect(await complete('--master-conf', join(scratch, 'master.conf')), said).to.equal(0);
    const loaded = loadConfig(config);
    expect([loaded.virtdomains, loaded.unixhierarchysep]).to.deep.equal(['userid', false]);
    expect(readFileSync(config, 'utf8')).to.not.include('conversations');
  });

  it('says what a master needs for the address at which it listens', async () => {
    await complete(
      '--listen',
      '0.0.0.0:2010',
      '--sync-host',
      'backup.example',
      '--channel',
      'copy',
      '--admin',
      'joe',
    );
    expect(said).to.match(/^ +copy_sync_host: backup.example$/m);
    expect(said).to.match(/^ +copy_sync_port: 2010$/m);
    expect(said).to.match(/^ +copy_sync_authname: joe$/m);
    expect(said).to.match(/^ +sync_log_channels: copy$/m);
    expect(said)
      .to.include('cmd="sync_client -r -n copy"')
      .and.include('cmd="sync_client -A -n copy" period=60');
  });

  it('asks on a terminal, again where an answer is wrong, and makes up a password', async () => {
    const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => undefined });
    const io: PasswdIo = { stdin, stdout: sink, stderr: sink };
    const answers = ['nonsense', '127.0.0.1:2005', '', 'mirror', '10d', '', ''];
    const done = runSetup([...folders(), '--no-test'], io);
    const replies = setInterval(() => {
      const next = answers.shift();
      if (next !== undefined) stdin.write(`${next}${answers.length === 0 ? '\r' : '\n'}`);
    }, 20);
    expect(await done, said).to.equal(0);
    clearInterval(replies);
    expect(said).to.include('nonsense: host:port is expected');
    expect(loadConfig(config)).to.deep.include({ admins: ['mirror'], backup_retention: 10 * 86_400 });
    const [, password = ''] = /^THE PASSWORD is (\S{20,})$/m.exec(said) ?? [];
    expect(await new PasswordFile(join(scratch, 'state/backup.passwd')).verify('mirror', password)).to.equal(
      true,
    );
  });
});
