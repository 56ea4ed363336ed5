/**
 * The first run as a stranger does it: `cyrus-backups setup`, the printed lines on a real Cyrus, and
 * nothing else. Then mail is in the backup, by the periodic and by the rolling form.
 */
import { expect } from 'chai';
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { asCyrus, CYRUS_BIN, cyrusEnv, CyrusMaster } from '../support/cyrus.ts';
import { Daemon, freePorts, makeFolder, run, waitUntil } from '../support/machine.ts';
import { cyrusRequirements, needs } from '../support/needs.ts';
import { runOurs } from '../support/backupdDaemon.ts';

const BACKUPD = new URL('../../bin/backupd', import.meta.url).pathname;
const PASSWORD = 'first-run-secret';

describe('cyrus-backups setup, with a real Cyrus', function () {
  this.timeout(120_000);
  let folder: string;
  let master: CyrusMaster;
  let backupd: Daemon | undefined;
  let rolling: Daemon | undefined;
  let config: string;

  before(async function () {
    needs(this, ...cyrusRequirements);
    folder = makeFolder('first-run');
    master = await CyrusMaster.start();
    await master.createUser('anne');
    config = join(folder, 'etc/imapd.conf');
  });
  after(async () => {
    await rolling?.stop();
    await backupd?.stop();
    await master?.stop();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  async function setup(port: number): Promise<string> {
    const password = join(folder, 'pw');
    writeFileSync(password, `${PASSWORD}\n`, { mode: 0o600 });
    const { code, stdout, stderr } = await runOurs('cyrus-backups', [
      'setup',
      `--config=${config}`,
      '--account=cyrus',
      `--password-file=${password}`,
      `--state=${join(folder, 'state')}`,
      `--partition=${join(folder, 'data')}`,
      `--listen=127.0.0.1:${port}`,
      `--master-conf=${join(master.folder, 'imapd.conf')}`,
    ]);
    expect(code, stderr + stdout).to.equal(0);
    return stdout;
  }

  /** Makes the master's configuration of its own lines and of those that setup has printed. */
  function masterConf(said: string): string {
    const lines = said.match(/^ {4}(sync_log|backup_sync_)\w*: .*$/gm) ?? [];
    const own = readFileSync(join(master.folder, 'imapd.conf'), 'utf8').replaceAll(/^sync_log.*\n/gm, '');
    const path = join(master.folder, 'as-said.conf');
    writeFileSync(
      path,
      `${own}${lines.join('\n').replace('THE PASSWORD', PASSWORD)}\n`.replaceAll(/^ +/gm, ''),
    );
    chmodSync(path, 0o644);
    return path;
  }

  /** Returns the program and its arguments of the entry of cyrus.conf that has this option. */
  function entry(said: string, option: string): string[] {
    const command = [...said.matchAll(/cmd="([^"]*)"/g)].find(([, text]) => text?.includes(option))?.[1];
    expect(command, option).to.be.a('string');
    return (command ?? '').split(' ');
  }

  async function backedUp(): Promise<number> {
    const { stdout } = await runOurs('cyr_backup', ['-C', config, 'anne', 'json', 'messages']);
    return (JSON.parse(stdout) as unknown[]).length;
  }

  it('replicates with just what setup printed, periodic and rolling', async () => {
    const [port = 0] = await freePorts(1);
    const said = await setup(port);
    expect(said).to.include('repluser logged in to a backupd that was started for the test');
    backupd = new Daemon(...asCyrus(BACKUPD, ['-C', config]), { cwd: '/' });
    await backupd.waitForOutput(new RegExp(`event=listening address=127.0.0.1:${port}`));

    const conf = masterConf(said);
    const imap = await master.imap('anne');
    await imap.append('INBOX', Buffer.from('Subject: one\r\n\r\nfirst\r\n'));
    const [program = '', ...args] = entry(said, '-A');
    const periodic = await run(...asCyrus(`${CYRUS_BIN}/${program}`, ['-C', conf, ...args]), {
      env: cyrusEnv,
    });
    expect(periodic.code, periodic.stderr + periodic.stdout).to.equal(0);
    expect(await backedUp()).to.equal(1);

    const [same = '', ...follows] = entry(said, '-r');
    mkdirSync(join(master.folder, 'conf/sync/backup'), { recursive: true });
    rolling = new Daemon(...asCyrus(`${CYRUS_BIN}/${same}`, ['-C', conf, ...follows]), {
      env: { ...cyrusEnv, CYRUS_ISDAEMON: '1' },
    });
    await imap.append('INBOX', Buffer.from('Subject: two\r\n\r\nsecond\r\n'));
    await waitUntil(async () => (await backedUp()) === 2, {
      timeoutMs: 30_000,
      what: () => `the second message is not there:\n${rolling?.output}\n${backupd?.output}`,
    });
    imap.close();
  });

  it('a second run tests the login against the running backupd, and changes nothing', async () => {
    const before = readFileSync(config, 'utf8');
    const port = Number(/backup_listen: 127\.0\.0\.1:(\d+)/.exec(before)?.[1]);
    const said = await setup(port);
    expect(said).to.include(`repluser logged in to the backupd at 127.0.0.1:${port}`);
    expect(said)
      .to.match(/^unchanged: .*imapd.conf$/m)
      .and.not.match(/^(wrote|made|set):/m);
    expect(readFileSync(config, 'utf8')).to.equal(before);
  });

  it('check finds no error in what setup has made', async () => {
    const { code, stdout } = await runOurs('cyrus-backups', ['check', '-C', config]);
    expect(stdout).to.not.match(/^ERROR/m);
    expect(code).to.be.lessThan(2);
    expect(stdout).to.match(/ok +port: .*backupd answers/);
  });
});
