/** Choosing what comes back and what is done with what is there, each on a mailbox that lives on a real server. */
import { expect } from 'chai';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BackupServer } from '../support/backupdDaemon.ts';
import { CyrusMaster } from '../support/cyrus.ts';
import { appendMessages, message } from '../support/mailboxes.ts';
import { cyrusRequirements, needs } from '../support/needs.ts';
import { Restorer, total } from '../support/restoring.ts';

describe('restore to a server that lives', function () {
  this.timeout(120_000);

  let master: CyrusMaster;
  let backup: BackupServer;
  let restorer: Restorer;
  let server: string;

  before(async function () {
    needs(this, ...cyrusRequirements);
    [master, backup] = await Promise.all([CyrusMaster.start(), BackupServer.start()]);
    restorer = new Restorer(backup, master.syncServer);
    server = `127.0.0.1:${master.syncServer.port}`;
    await master.createUser('anne');
    const client = await master.imap('anne');
    await client.create('INBOX/Work');
    await appendMessages(client, 'INBOX/Work', 1, 5);
    client.close();
    await replicate();
  });

  after(async () => {
    await Promise.all([master?.stop(), backup?.stop()]);
  });

  async function replicate(): Promise<void> {
    const { code, stdout, stderr } = await master.syncClient(['-u', 'anne'], backup.address);
    expect(code, stdout + stderr).to.equal(0);
  }

  it('one message by GUID, one by its subject, expunged ones: each visible', async () => {
    const client = await master.imap('anne');
    await client.create('INBOX/Some');
    await client.append('INBOX/Some', message(7001), { flags: '\\Seen' });
    await client.append('INBOX/Some', message(7002));
    await client.append('INBOX/Some', message(7003));
    await replicate();
    const [first, second] = await client.messages('INBOX/Some');
    await client.expunge('INBOX/Some', '1:3');
    await client.command('UNSELECT');
    await replicate();
    await restorer.report(server, 'anne', first?.sha1 ?? '');
    expect((await client.messages('INBOX/Some')).map(({ sha1, flags }) => [sha1, flags])).to.deep.equal([
      [first?.sha1, ['\\Seen']],
    ]);
    await restorer.report('-x', '--subject', 'report 7002', server, 'anne', 'Some');
    expect((await client.messages('INBOX/Some')).map(({ sha1 }) => sha1)).to.deep.equal([
      first?.sha1,
      second?.sha1,
    ]);
    await restorer.report('-x', server, 'anne', 'user/anne/S*');
    expect(await client.messages('INBOX/Some')).to.have.lengthOf(3);
    const nowhere = await restorer.run(server, 'anne', 'INBOX/Nowhere');
    client.close();
    expect(nowhere.code).to.equal(66);
    expect(nowhere.stderr).to.contain('Nowhere: not in this backup');
  });

  it('a mailbox with annotations is made anew without harm to the server, with its ACL', async () => {
    const client = await master.imap('anne');
    await client.create('INBOX/Noted');
    await client.append('INBOX/Noted', message(8001));
    await client.command(
      'SETMETADATA',
      '"INBOX/Noted"',
      '(/private/comment "Mine" /private/specialuse',
      Buffer.from('\\Archive'),
      ')',
    );
    await client.command('SETACL', '"INBOX/Noted"', 'anyone', 'lr');
    await replicate();
    // Cyrus deletes no folder with a special use.
    await client.command('SETMETADATA', '"INBOX/Noted"', '(/private/specialuse NIL)');
    await client.command('DELETE', '"INBOX/Noted"');
    await restorer.report(server, 'anne', 'Noted');
    const metadata = await client.command(
      'GETMETADATA',
      '"INBOX/Noted"',
      '(/private/comment /private/specialuse)',
    );
    const acl = await client.command('GETACL', '"INBOX/Noted"');
    client.close();
    expect(JSON.stringify(metadata)).to.contain('Mine');
    expect(JSON.stringify(acl)).to.contain('anyone lr');
  });

  it('--existing copy adds a second copy, replace sets flags and date as they were', async () => {
    const client = await master.imap('anne');
    await client.create('INBOX/Twice');
    await client.append('INBOX/Twice', message(9001), {
      flags: '\\Flagged',
      date: new Date(1_600_000_000_000),
    });
    await replicate();
    await client.select('INBOX/Twice');
    await client.store('1', 'FLAGS.SILENT (\\Seen)');
    await client.command('UNSELECT');
    const skipped = await restorer.report(server, 'anne', 'Twice');
    expect([total(skipped, 'added'), total(skipped, 'changed')]).to.deep.equal([0, 0]);
    expect((await client.messages('INBOX/Twice')).map(({ flags }) => flags)).to.deep.equal([['\\Seen']]);
    expect(
      total(await restorer.report('--existing', 'replace', server, 'anne', 'Twice'), 'changed'),
    ).to.equal(1);
    const [first] = await client.messages('INBOX/Twice');
    expect([first?.flags, first?.internalDate]).to.deep.equal([['\\Flagged'], 1_600_000_000]);
    expect(
      total(await restorer.report('--existing', 'replace', server, 'anne', 'Twice'), 'changed'),
    ).to.equal(0);
    expect(total(await restorer.report('--existing', 'copy', server, 'anne', 'Twice'), 'added')).to.equal(1);
    expect((await client.messages('INBOX/Twice')).map(({ uid, sha1 }) => [uid, sha1])).to.deep.equal([
      [1, first?.sha1],
      [2, first?.sha1],
    ]);
    client.close();
  });

  it('the original’s -M, -F, -A, -P and -L', async () => {
    const list = join(backup.folder, 'list');
    writeFileSync(list, '# what to take\n\nuser/anne/Work\nTwice\n');
    const args = [
      '-F',
      list,
      '-M',
      'user.anne.Gathered',
      '-A',
      'anne lrswipkxtecda bethany lr',
      '-P',
      'default',
      '-L',
    ];
    const report = await restorer.report(...args, server, 'anne');
    const client = await master.imap('anne');
    expect(await client.messages('INBOX/Gathered')).to.have.lengthOf(total(report, 'added'));
    expect(total(report, 'added')).to.be.greaterThan(0);
    expect(JSON.stringify(await client.command('GETACL', '"INBOX/Gathered"'))).to.contain('bethany lr');
    client.close();
    const elsewhere = await restorer.run('-P', 'nowhere', '--into', 'Else', server, 'anne', 'Twice');
    expect(elsewhere.code, 'a partition that the server has not').to.equal(75);
  });

  it('sieve scripts: one that differs stays, comes beside, or is replaced', async () => {
    const sieve = await master.sieve('anne');
    await sieve.put('main', 'keep;\r\n');
    await sieve.activate('main');
    await replicate();
    await sieve.put('main', 'discard;\r\n');
    sieve.close();
    const actions = async (...args: string[]): Promise<string[]> =>
      (await restorer.report('-a', '--what', 'sieve', ...args, server, 'anne')).items
        .filter(({ kind }) => kind === 'sieve')
        .map(({ name, action }) => `${name} ${action}`);
    expect(await actions('--existing', 'skip')).to.deep.equal(['main.script kept']);
    expect(await actions('--existing', 'copy')).to.deep.equal(['main-restored.script set']);
    expect(await actions('--existing', 'copy')).to.deep.equal(['main-restored.script same']);
    expect(await actions()).to.deep.equal(['main.script set']);
    expect(await actions()).to.deep.equal(['main.script same']);
  });
});
