/** A disk that is nearly full, and real sync_clients: they wait, lose nothing, and have brought all of it once there is room. */
import { expect } from 'chai';
import { BackupServer } from '../support/backupdDaemon.ts';
import { differences } from '../support/convergence.ts';
import { CyrusMaster } from '../support/cyrus.ts';
import { waitUntil } from '../support/machine.ts';
import { appendMessages } from '../support/mailboxes.ts';
import { cyrusRequirements, needs } from '../support/needs.ts';

/** More than any disk has: the reserve is reached at once. */
const FULL = 'backup_disk_reserve: 1000000G\n';
const REFUSED = /refused: .*free space is down to backup_disk_reserve/;

describe('while the disk is nearly full', function () {
  this.timeout(120_000);
  let master: CyrusMaster;
  let backup: BackupServer;

  before(async function () {
    needs(this, ...cyrusRequirements);
    [master, backup] = await Promise.all([CyrusMaster.start(), BackupServer.start()]);
    for (const user of ['anne', 'bethany']) {
      await master.createUser(user);
      const client = await master.imap(user);
      await appendMessages(client, 'INBOX', 1, 20);
      client.close();
    }
  });

  after(async () => {
    await Promise.all([master?.stop(), backup?.stop()]);
  });

  async function fillUp(isFull: boolean): Promise<void> {
    backup.configure(isFull ? FULL : '');
    await backup.signal('SIGHUP', /was read again/);
  }

  it('sync_client -A goes past every user without an error, and brings them the next time', async () => {
    await fillUp(true);
    const { code, stdout, stderr } = await master.syncClient(['-A'], backup.address);
    expect(backup.log).to.match(REFUSED);
    expect(stdout + stderr).to.match(/Skipping locked user anne[^]*Skipping locked user bethany/);
    expect(code).to.equal(0);
    await fillUp(false);
    expect((await master.syncClient(['-A'], backup.address)).code).to.equal(0);
    expect(await differences(master, backup, ['anne', 'bethany'])).to.deep.equal([]);
  });

  it('sync_client -r keeps what it could not send, and sends it when there is room', async () => {
    const rolling = master.rolling(backup.address);
    try {
      await waitUntil(() => master.hasCaughtUp(), { what: () => rolling.output });
      await fillUp(true);
      const before = backup.log.length;
      const client = await master.imap('anne');
      await appendMessages(client, 'INBOX', 100, 10);
      client.close();
      // It puts the mailbox back into its log, and comes again with the next round.
      const refusals = (): number => backup.log.slice(before).split('backup_disk_reserve').length - 1;
      await waitUntil(() => refusals() >= 3, { timeoutMs: 30_000, what: () => backup.log });
      expect(rolling.hasExited, rolling.output).to.equal(false);
      await fillUp(false);
      await waitUntil(() => master.hasCaughtUp(), { timeoutMs: 30_000, what: () => rolling.output });
    } finally {
      await rolling.stop();
    }
    expect(await differences(master, backup, ['anne', 'bethany'])).to.deep.equal([]);
  });
});
