/** The original tools over what our backupd wrote: they must find nothing to complain of. */
import { expect } from 'chai';
import { BackupServer } from '../support/backupdDaemon.ts';
import { CyrusMaster } from '../support/cyrus.ts';
import { appendMessages } from '../support/mailboxes.ts';
import { cyrusRequirements, needs } from '../support/needs.ts';
import { OriginalTools } from '../support/originals.ts';

describe('the original tools over our data files', function () {
  this.timeout(60_000);

  let master: CyrusMaster;
  let backup: BackupServer;
  let tools: OriginalTools;

  before(async function () {
    needs(this, ...cyrusRequirements);
    [master, backup] = await Promise.all([CyrusMaster.start(), BackupServer.start()]);
    await master.createUser('anne');
    // No literals (comments in UTF-8, special-use, scripts): Debian's tools cannot read any.
    const client = await master.imap('anne');
    await client.create('INBOX/Archive', 'INBOX/Archive/2024', 'INBOX/Receipts');
    await appendMessages(client, 'INBOX', 1, 20);
    await appendMessages(client, 'INBOX/Archive/2024', 100, 20);
    await syncOnce();
    await appendMessages(client, 'INBOX/Receipts', 200, 5);
    await client.expunge('INBOX', '3,5');
    await client.command('RENAME', '"INBOX/Receipts"', '"INBOX/Expenses"');
    await syncOnce();
    client.close();
    const dataFile = await backup.dataFile('anne');
    if (dataFile === undefined) throw new Error('ctl_backups list names no data file of anne');
    tools = await OriginalTools.over('anne', dataFile);
  });

  after(async () => {
    tools?.remove();
    await Promise.all([master?.stop(), backup?.stop()]);
  });

  async function syncOnce(): Promise<void> {
    const { code, stdout, stderr } = await master.syncClient(['-u', 'anne'], backup.address);
    expect(code, `${stdout}${stderr}${backup.log}`).to.equal(0);
  }

  it('ctl_backups reindex makes an index of the file alone, which ctl_backups verify finds right', async () => {
    const reindexed = await tools.ctlBackups('reindex');
    expect(reindexed.stdout + reindexed.stderr).to.match(/reindex(ed)?.*anne.*ok|anne.*ok/i);
    expect(reindexed.code).to.equal(0);
    const verified = await tools.ctlBackups('verify');
    expect(verified.code, verified.stdout + verified.stderr).to.equal(0);
  });

  it('cyr_backup lists every mailbox, and each message once', async () => {
    const mailboxes = JSON.parse((await tools.cyrBackup('json', 'mailboxes')).stdout) as {
      mboxname: string;
    }[];
    expect(mailboxes.map(({ mboxname }) => mboxname).toSorted()).to.deep.equal([
      'user.anne',
      'user.anne.Archive',
      'user.anne.Archive.2024',
      'user.anne.Expenses',
    ]);
    const messages = JSON.parse((await tools.cyrBackup('json', 'messages')).stdout) as { guid: string }[];
    expect(new Set(messages.map(({ guid }) => guid)).size).to.equal(45);
  });

  it('cyr_backup dumps a message byte for byte', async () => {
    const [first] = (await master.truth('anne')).get('INBOX') ?? [];
    const dumped = await tools.cyrBackup('dump', 'message', first?.sha1 ?? '');
    expect(dumped.stdout).to.equal(first?.body.toString('latin1'));
  });
});
