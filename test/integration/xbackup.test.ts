/** `cyrus-backups xbackup` against Debian's imapd, which then replicates into our backupd. */
import { expect } from 'chai';
import { BackupServer, runOurs } from '../support/backupdDaemon.ts';
import { CyrusMaster } from '../support/cyrus.ts';
import type { Outcome } from '../support/machine.ts';
import { message } from '../support/mailboxes.ts';
import { cyrusRequirements, needs } from '../support/needs.ts';
import { restoreConf } from '../support/restoring.ts';

describe('cyrus-backups xbackup', function () {
  this.timeout(60_000);

  let master: CyrusMaster;
  let backup: BackupServer;

  before(async function () {
    needs(this, ...cyrusRequirements);
    backup = await BackupServer.start();
    const { host, port, user, password } = backup.address;
    master = await CyrusMaster.start({
      extraConf: [
        'xbackup_enabled: yes',
        `backup_sync_host: ${host}`,
        `backup_sync_port: ${port}`,
        `backup_sync_authname: ${user}`,
        `backup_sync_password: ${password}`,
        'backup_sync_try_imap: no\n',
      ].join('\n'),
    });
    for (const name of ['anne', 'bethany', 'carl@example.com']) await master.createUser(name);
    const admin = await master.admin();
    await admin.create('shared');
    admin.close();
  });

  after(async () => {
    await Promise.all([master?.stop(), backup?.stop()]);
  });

  function xbackup(...args: string[]): Promise<Outcome> {
    const conf = restoreConf(backup, master.syncServer);
    return runOurs('cyrus-backups', ['xbackup', '-C', conf, ...args, `127.0.0.1:${master.imapPort}`]);
  }

  const users = async (): Promise<string[]> => {
    const { stdout } = await runOurs('ctl_backups', ['-C', backup.conf, 'list']);
    return stdout.split('\n').flatMap((line) => line.split('\t')[2] ?? []);
  };

  it('one user by a pattern', async () => {
    const { code, stdout, stderr } = await xbackup('--pattern', 'user/anne');
    expect(stderr).to.equal('');
    expect([code, stdout]).to.deep.equal([0, 'ok user anne\n']);
    expect(await users()).to.deep.equal(['anne']);
  });

  it('--stale asks only for those whose backup is old or missing', async () => {
    const { code, stdout } = await xbackup('--stale', '24');
    expect(code).to.equal(0);
    expect(stdout.split('\n').toSorted()).to.deep.equal([
      '',
      'ok mailbox shared',
      'ok user bethany',
      'ok user carl@example.com',
    ]);
    expect((await users()).toSorted()).to.deep.equal(['%SHARED', 'anne', 'bethany', 'carl@example.com']);
    expect((await xbackup('--stale', '24')).stdout).to.equal('');
    expect((await xbackup('-n', '--stale', '0')).stdout).to.contain('user/anne: would be asked for');
  });

  it('all of them, as JSON, with what is new', async () => {
    const anne = await master.imap('anne');
    await anne.append('INBOX', message(1));
    anne.close();
    const { code, stdout } = await xbackup('--json');
    expect(code).to.equal(0);
    const results = JSON.parse(stdout) as { name: string; isDone: boolean }[];
    expect(results.map(({ name }) => name).toSorted()).to.deep.equal([
      'anne',
      'bethany',
      'carl@example.com',
      'shared',
    ]);
    const listed = await runOurs('cyr_backup', ['-C', backup.conf, 'anne', 'json', 'messages']);
    expect(JSON.parse(listed.stdout)).to.have.lengthOf(1);
  });

  it('a pattern that names nothing, a wrong login and a channel that kills the server are said so', async () => {
    const nothing = await xbackup('--pattern', 'user/nobody');
    expect([nothing.code, nothing.stderr]).to.deep.equal([74, nothing.stderr]);
    expect(nothing.stderr).to.contain('XBACKUP user/nobody: Mailbox does not exist');
    const channel = await xbackup('--channel', 'nowhere');
    expect(channel.code).to.equal(76);
    expect(channel.stderr).to.contain('is nowhere_sync_host set');
    const login = await xbackup('--user', 'anne', '--password-file', '/dev/null');
    expect(login.code).to.equal(77);
  });
});
