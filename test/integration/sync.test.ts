/**
 * Debian's own clients against our backupd: what counts is that the real sync_client is content, and that what it
 * replicated is what the master holds. The proxy between them tells what was said.
 */
import { expect } from 'chai';
import { BackupServer, SYNC_USER } from '../support/backupdDaemon.ts';
import { buildMailboxes, changeMailboxes } from '../support/mailboxes.ts';
import { CYRUS_BIN, CyrusMaster, cyrusEnv, type SyncServer } from '../support/cyrus.ts';
import { run, waitUntil } from '../support/machine.ts';
import { cyrusRequirements, needs } from '../support/needs.ts';
import { LoggingProxy, type Exchange } from '../support/proxy.ts';
import { backedUp, onMaster } from '../support/records.ts';

function applied(exchanges: Exchange[], item: string): Exchange[] {
  return exchanges.filter(({ command }) => command.startsWith(`APPLY ${item} `));
}

describe('Debian clients', function () {
  this.timeout(120_000);

  let master: CyrusMaster;
  let backup: BackupServer;
  let proxy: LoggingProxy;
  let server: SyncServer;

  before(async function () {
    needs(this, ...cyrusRequirements);
    [master, backup] = await Promise.all([CyrusMaster.start(), BackupServer.start()]);
    proxy = await LoggingProxy.start(backup.address.port);
    server = { ...backup.address, port: proxy.port };
    for (const user of ['anne', 'bethany']) {
      await master.createUser(user);
      await buildMailboxes(master, user);
    }
  });

  after(async () => {
    await proxy?.stop();
    await Promise.all([master?.stop(), backup?.stop()]);
  });

  /** Runs sync_client, wants it content and everything answered OK, and gives what was said. */
  async function sync(...args: string[]): Promise<Exchange[]> {
    const { code, stdout, stderr } = await master.syncClient(args, server);
    const exchanges = await proxy.take();
    const refused = exchanges.filter(({ reply }) => reply?.startsWith('OK') !== true);
    expect(refused, `refused\n${stdout}${stderr}${backup.log}`).to.deep.equal([]);
    expect(code, `exit code\n${stdout}${stderr}${backup.log}`).to.equal(0);
    return exchanges;
  }

  /** Our records of every living mailbox of the user are the master's. */
  async function expectSame(user: string): Promise<void> {
    expect(await backedUp(backup, user)).to.deep.equal(await onMaster(master, user));
  }

  it('synctest authenticates', async () => {
    const { user, password } = SYNC_USER;
    const args = [
      '-p',
      String(server.port),
      '-u',
      user,
      '-a',
      user,
      '-w',
      password,
      '-m',
      'PLAIN',
      '127.0.0.1',
    ];
    const { stdout, stderr } = await run(`${CYRUS_BIN}/synctest`, args, { env: cyrusEnv, input: 'EXIT\r\n' });
    expect(stdout + stderr).to.contain('Authenticated.');
  });

  it('synctest with a wrong password is refused', async () => {
    const args = [
      '-p',
      String(server.port),
      '-u',
      SYNC_USER.user,
      '-a',
      SYNC_USER.user,
      '-w',
      'wrong',
      '-m',
      'PLAIN',
    ];
    const { stdout, stderr } = await run(`${CYRUS_BIN}/synctest`, [...args, '127.0.0.1'], {
      env: cyrusEnv,
      input: 'EXIT\r\n',
      timeoutMs: 10_000,
    });
    expect(stdout + stderr).to.contain('Authentication failed');
  });

  it('sync_client -u backs up nested folders, flags, 8-bit and 30 MB messages, annotations, sieve', async () => {
    await proxy.take();
    const exchanges = await sync('-u', 'anne');
    await expectSame('anne');
    expect(applied(exchanges, 'MESSAGE').length, 'uploads').to.be.greaterThan(0);
    expect(applied(exchanges, 'SIEVE'), 'scripts').to.have.lengthOf(2);
    expect(applied(exchanges, 'SUB'), 'subscriptions').to.have.lengthOf(2);
  });

  it('a second sync_client -u with nothing changed sends no APPLY MAILBOX', async () => {
    const exchanges = await sync('-u', 'anne');
    expect(exchanges.map(({ command }) => command.split(' ', 2).join(' '))).to.include('GET USER');
    expect(
      exchanges.filter(({ command }) => /^APPLY (MAILBOX|MESSAGE|RESERVE|SIEVE|SUB)\b/.test(command)),
    ).to.deep.equal([]);
  });

  it('what the master does not send again, we must have answered: quota and the active script', async () => {
    const exchanges = await sync('-u', 'anne');
    expect(exchanges.filter(({ command }) => command.startsWith('APPLY '))).to.deep.equal([]);
  });

  it('sync_client -u follows new mail, flags, expunges, a rename and a delete', async () => {
    await changeMailboxes(master, 'anne');
    const exchanges = await sync('-u', 'anne');
    expect(applied(exchanges, 'RENAME').length, 'renames').to.be.greaterThan(0);
    await expectSame('anne');
  });

  it('sync_client -m backs up single mailboxes of a user', async () => {
    await sync('-m', 'user/bethany', 'user/bethany/Archive');
    const ours = await backedUp(backup, 'bethany');
    expect([...ours.keys()].toSorted()).to.deep.equal(['user.bethany', 'user.bethany.Archive']);
    const theirs = await onMaster(master, 'bethany');
    for (const [name, records] of ours) expect(records, name).to.deep.equal(theirs.get(name));
  });

  it('sync_client -A backs up every user, and the second time sends no APPLY MAILBOX', async () => {
    await sync('-A');
    await Promise.all(['anne', 'bethany'].map(expectSame));
    expect(applied(await sync('-A'), 'MAILBOX')).to.deep.equal([]);
  });

  it('sync_client -r follows the log of changes', async () => {
    const rolling = master.rolling(server);
    try {
      await changeMailboxes(master, 'bethany');
      // A round of the log sends subscriptions last, and this is the last change of a mailbox or subscription.
      const last = 'APPLY SUB %(USERID bethany MBOXNAME user.bethany.Expenses)';
      await waitUntil(
        () => proxy.exchanges.some(({ command, reply }) => command === last && reply?.startsWith('OK')),
        { timeoutMs: 60_000, what: () => `the last change was not sent:\n${rolling.output}${backup.log}` },
      );
    } finally {
      await rolling.stop();
    }
    expect((await proxy.take()).filter(({ reply }) => /^(NO|BAD)/.test(reply ?? ''))).to.deep.equal([]);
    await expectSame('bethany');
  });
});
