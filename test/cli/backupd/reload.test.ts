/** SIGHUP and SIGTERM against the real daemon. */
import { expect } from 'chai';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BackupServer } from '../../support/backupdDaemon.ts';
import { waitUntil } from '../../support/machine.ts';
import { SocketReader } from '../../support/socketReader.ts';
import { SyncConnection } from '../../support/syncConnection.ts';

describe('backupd, told to read its configuration again', function () {
  this.timeout(60_000);
  let backup: BackupServer;

  before(async () => {
    backup = await BackupServer.start();
  });

  after(async () => {
    await backup?.stop();
  });

  const login = (): Promise<SyncConnection> => SyncConnection.login(backup.address);
  const reply = async (client: SyncConnection, command: string): Promise<string> =>
    (await client.exchange(command)).reply;
  const reload = async (extraConf: string): Promise<void> => {
    backup.configure(extraConf);
    await backup.signal('SIGHUP', /was read again/);
  };

  it('limits hold for the next connection, and open ones go on', async () => {
    const before = await login();
    await reload('backup_max_connections: 2\nbackup_max_literal: 2K\n');
    const after = await login();
    const script = 'x'.repeat(3000);
    const sieve = `APPLY SIEVE %(USERID anne FILENAME a LAST_UPDATE 1 CONTENT {${script.length}+}\r\n${script})\r\n`;
    expect(await reply(before, sieve)).to.equal('OK Success');
    expect(await reply(after, sieve)).to.match(/^NO IMAP_PROTOCOL_BAD_PARAMETERS /);
    const third = await SocketReader.connect(backup.address.port);
    expect(await third.line()).to.equal('* BYE Too many connections');
    third.close();
    before.close();
    after.close();
  });

  it('debug is switched on and off', async () => {
    await reload('debug: yes\n');
    const client = await login();
    await reply(client, 'NOOP\r\n');
    await waitUntil(() => /NOOP \d/.test(backup.log), { what: () => backup.log });
    await reload('');
    const lengthBefore = backup.log.length;
    await reply(client, 'NOOP\r\n');
    expect(backup.log.slice(lengthBefore)).not.to.match(/NOOP \d/);
    client.close();
  });

  it('a broken configuration changes nothing, and the log says where it is broken', async () => {
    const lines = backup.conf;
    backup.configure('backup_max_connections: 1\nbackup_disk_reserve: much\n');
    await backup.signal('SIGHUP', /the configuration in force stays: /);
    expect(backup.log).to.match(new RegExp(`${lines}, line \\d+: backup_disk_reserve: "much" is not a size`));
    backup.configure('backup_max_connections: 1\nbackup_unlimited_hosts: example.com\n');
    await backup.signal('SIGHUP', /imapd.conf: backup_unlimited_hosts: example.com is not an address/);
    writeFileSync(join(backup.folder, 'not.pem'), 'no certificate');
    backup.configure(`backup_max_connections: 1\ntls_server_cert: ${backup.folder}/not.pem\n`);
    await backup.signal('SIGHUP', /the configuration in force stays: .*tls_server_cert/);
    const both = [await login(), await login()];
    for (const client of both) expect(await reply(client, 'NOOP\r\n')).to.equal('OK Noop completed');
    for (const client of both) client.close();
  });

  it('what takes a restart is named, and stays as it was', async () => {
    await reload(`fulldirhash: on\nbackuppartition-more: ${backup.folder}/more\nsyslog_prefix: other\n`);
    expect(backup.log).to.contain(
      'backuppartition-, fulldirhash, syslog_prefix changed, which takes a restart',
    );
    await reload('');
  });

  it('who is an admin no more is told goodbye', async () => {
    const client = await login();
    backup.configure('backupd_admins: somebody\n');
    await backup.signal('SIGHUP', /repluser is not one of admins any more/);
    expect(await client.untilClosed(5000)).to.deep.equal(['BYE Server is shutting down']);
    await reload('');
    expect(await reply(await login(), 'NOOP\r\n')).to.equal('OK Noop completed');
  });

  it('told to stop, it says goodbye in the way that sync_client takes, and a command that was cut off is not kept', async () => {
    const idle = await login();
    const halfway = await login();
    await halfway.send('APPLY SUB %(USERID bethany MBOXNAME ');
    const started = Date.now();
    await Promise.all([
      backup.signal('SIGTERM', /SIGTERM: finishing/),
      idle.untilClosed(5000).then((said) => expect(said).to.deep.equal(['BYE Server is shutting down'])),
      halfway.untilClosed(5000).then((said) => expect(said).to.deep.equal(['BYE Server is shutting down'])),
    ]);
    expect(Date.now() - started).to.be.lessThan(10_000);
    await backup.startAgain();
    expect(await backup.dataFile('bethany')).to.equal(undefined);
    expect(await backup.dataFile('anne')).to.be.a('string');
  });
});
