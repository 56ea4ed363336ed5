/**
 * A user with everything is lost and comes back: to Debian's imapd and to its sync_server. What a server says of a user to
 * a replicating master, before and after, is what is compared.
 */
import { expect } from 'chai';
import { BackupServer } from '../support/backupdDaemon.ts';
import { CyrusMaster } from '../support/cyrus.ts';
import { appendMessages, buildMailboxes, changeMailboxes } from '../support/mailboxes.ts';
import { cyrusRequirements, needs } from '../support/needs.ts';
import { Restorer, difference, mailboxLine, removeUser, stateOf, total } from '../support/restoring.ts';

describe('restore of a lost user', function () {
  this.timeout(120_000);

  let master: CyrusMaster;
  let backup: BackupServer;
  let restorer: Restorer;
  let truth: string[];
  let imap: string;
  let csync: string;

  before(async function () {
    needs(this, ...cyrusRequirements);
    [master, backup] = await Promise.all([
      CyrusMaster.start({ hasConversations: true }),
      BackupServer.start(),
    ]);
    restorer = new Restorer(backup, master.syncServer);
    imap = `127.0.0.1:${master.imapPort}`;
    csync = `127.0.0.1:${master.syncServer.port}`;
    for (const user of ['anne', 'bethany']) await master.createUser(user);
    await buildMailboxes(master, 'anne', { hasLarge: false });
    await changeMailboxes(master, 'anne');
    await appendLarge();
    const admin = await master.admin();
    await admin.command('CREATE', '"user/anne/#calendars"', '(TYPE CALENDAR)');
    admin.close();
    await shareFolders();
    for (const args of [
      ['-u', 'bethany', 'anne'],
      ['-m', 'shared', 'shared/news'],
    ]) {
      const { code, stdout, stderr } = await master.syncClient(args, backup.address);
      expect(code, stdout + stderr + backup.log).to.equal(0);
    }
    truth = await stateOf(master, 'anne');
  });

  after(async () => {
    await Promise.all([master?.stop(), backup?.stop()]);
  });

  /** Larger than what is held in memory at once. */
  async function appendLarge(): Promise<void> {
    const anne = await master.imap('anne');
    const lines = Array.from(
      { length: 60_000 },
      (_, index) => `${Math.imul(index, 2_654_435_761)} and so on, line by line`,
    );
    await anne.append('INBOX/Archive', Buffer.from(`Subject: A long one\r\n\r\n${lines.join('\r\n')}\r\n`));
    anne.close();
  }

  /** A folder of anne's that bethany may read, and a shared one of which anne has read a part. */
  async function shareFolders(): Promise<void> {
    const admin = await master.admin();
    await admin.create('shared', 'shared/news');
    await admin.command('SETACL', '"shared/news"', 'anne', 'lrswi');
    await admin.command('SETACL', '"shared/news"', 'admin', 'lrswi');
    await appendMessages(admin, 'shared/news', 900, 4);
    admin.close();
    const anne = await master.imap('anne');
    await anne.command('SETACL', '"INBOX/Archive"', 'bethany', 'lr');
    await anne.select('shared/news');
    await anne.store('2:3', '+FLAGS.SILENT (\\Seen)');
    await anne.command('UNSELECT');
    anne.close();
  }

  /** What the server says of a mailbox, without the ACL. */
  async function folderState(name: string): Promise<string> {
    return (await mailboxLine(master, name)).replace(/ ACL (?:"[^"]*"|\S+)/, '');
  }

  for (const [name, address] of [
    ['imapd', () => imap],
    ['sync_server', () => csync],
  ] as const) {
    it(`-a -U -D over ${name} brings back all as it was: UIDs, modseqs, checksums, settings`, async () => {
      await removeUser(master, 'anne');
      expect(await stateOf(master, 'anne')).to.deep.equal([]);
      const plan = await restorer.report('-n', '-a', '-U', '-D', address(), 'anne');
      expect(await stateOf(master, 'anne'), 'a plan changes nothing').to.deep.equal([]);
      const report = await restorer.report('-a', '-U', '-D', address(), 'anne');
      expect(report.failures).to.deep.equal([]);
      expect(difference(truth, await stateOf(master, 'anne'))).to.deep.equal([]);
      expect(total(report, 'added')).to.equal(total(plan, 'added'));
      expect(total(report, 'added')).to.be.greaterThan(30);
    });

    it(`a second restore over ${name} changes nothing`, async () => {
      const report = await restorer.report('-a', '-U', '-D', address(), 'anne');
      expect([total(report, 'added'), total(report, 'changed')]).to.deep.equal([0, 0]);
      expect(report.items.filter(({ action }) => action !== 'same')).to.deep.equal([]);
      expect(difference(truth, await stateOf(master, 'anne'))).to.deep.equal([]);
    });
  }

  it('a master that replicates again after the restore has nothing to send', async () => {
    const { code, stdout, stderr } = await master.syncClient(['-u', 'anne'], backup.address);
    expect(code, stdout + stderr).to.equal(0);
    expect(stdout + stderr).to.not.match(/^MAILBOX /m);
  });

  it('a user who was deleted a moment ago: the deleted mailboxes keep their uniqueids, all else is as it was', async () => {
    await removeUser(master, 'anne', false);
    const report = await restorer.report('-a', '-U', csync, 'anne');
    expect(report.mailboxes[0]?.notes.join()).to.match(/uniqueid is still in use by DELETED\.user\.anne\./);
    const living = (lines: string[]): string[] =>
      lines
        .filter((line) => !/MBOXNAME "?DELETED\./.test(line))
        .map((line) => line.replace(/UNIQUEID \S+ /, ''))
        .toSorted();
    expect(difference(living(truth), living(await stateOf(master, 'anne')))).to.deep.equal([]);
    const again = await restorer.report('-a', '-U', csync, 'anne');
    expect(total(again, 'added')).to.equal(0);
  });

  it('a shared folder comes back as it was; who had read what is still known', async () => {
    const before = await folderState('shared.news');
    const seen = (await stateOf(master, 'anne')).filter((line) => line.startsWith('* SEEN'));
    const admin = await master.admin();
    await admin.command('SETACL', '"shared/news"', 'admin', 'lrswipkxtecda');
    await admin.command('DELETE', '"shared/news"');
    admin.close();
    await master.tool('cyr_expire', '-E', '0', '-D', '0', '-X', '0');
    await restorer.report('-a', '-U', csync, '%SHARED');
    expect(await folderState('shared.news')).to.equal(before);
    await restorer.report('-a', '--what', 'seen', csync, 'anne');
    expect((await stateOf(master, 'anne')).filter((line) => line.startsWith('* SEEN'))).to.deep.equal(seen);
    expect(seen).to.have.lengthOf(1);
  });

  it('settings alone: what is on the server is set, and what is not is not made', async () => {
    const anne = await master.imap('anne');
    await anne.command('DELETEACL', '"INBOX/Archive"', 'bethany');
    await anne.command('DELETE', '"INBOX/Archive/2025"');
    const report = await restorer.report('-a', '--what', 'acl', imap, 'anne');
    expect(total(report, 'changed')).to.equal(1);
    expect(JSON.stringify(await anne.command('GETACL', '"INBOX/Archive"'))).to.contain('bethany lr');
    expect(await anne.list('INBOX/Archive/2025')).to.deep.equal([]);
    anne.close();
  });
});
