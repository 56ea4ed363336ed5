/**
 * prove on a server that people use: what is not replicated yet is told from what is wrong, and the
 * command says it with its exit code and a signed report.
 */
import { expect } from 'chai';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BackupServer, runOurs } from '../support/backupdDaemon.ts';
import { CyrusMaster } from '../support/cyrus.ts';
import { changeMailboxes } from '../support/mailboxes.ts';
import { cyrusRequirements, needs } from '../support/needs.ts';
import { differencesOf, prove, replicateAll, startReplicated } from '../support/proving.ts';
import type { Proof } from '../support/proving.ts';
import { restoreConf } from '../support/restoring.ts';
import { Workload } from '../support/workload.ts';

describe('prove over a server that lives', function () {
  this.timeout(180_000);

  let master: CyrusMaster;
  let backup: BackupServer;

  before(async function () {
    needs(this, ...cyrusRequirements);
    [master, backup] = await startReplicated();
  });

  after(async () => {
    await Promise.all([master?.stop(), backup?.stop()]);
  });

  const replicate = (): Promise<void> => replicateAll(master, backup);

  it('users and mailboxes without a backup are named, unless they are new', async () => {
    await master.createUser('carl');
    const client = await master.imap('bethany');
    await client.create('INBOX/Later');
    client.close();
    const soon = await prove(backup, master, { settleSeconds: 0 });
    expect(soon.code, soon.stdout).to.equal(0);
    expect(soon.stdout).to.contain('carl: behind: a new user, not backed up yet');
    expect(soon.stdout).to.match(/bethany: behind: user\/bethany\/Later: mailbox: backup has none/);
    await sleep(3000);
    const late = await prove(backup, master, { settleSeconds: 0, graceHours: 1 / 1800 });
    expect(late.code).to.equal(75);
    expect(late.stdout).to.contain('carl: no backup: the server has this user, and no backup does');
    expect(late.stdout).to.match(/bethany: wrong: user\/bethany\/Later: .*has been so since/);
    await replicate();
    const after = await prove(backup, master, { graceHours: 0 });
    expect(after.code, after.stdout).to.equal(0);
    expect(after.users.map(({ verdict }) => verdict)).to.deep.equal(['proved', 'proved', 'proved', 'proved']);
  });

  it('a change of every kind that is not replicated yet is behind, not wrong', async () => {
    await changeMailboxes(master, 'anne');
    const client = await master.imap('anne');
    await client.command('SETACL', '"INBOX/Archive"', 'bethany', 'lrs');
    await client.command('SETMETADATA', '"INBOX/Empty"', '(/private/comment "new")');
    client.close();
    const admin = await master.admin();
    await admin.command('SETQUOTA', '"user/anne"', '(STORAGE 300000)');
    admin.close();
    const proof = await prove(backup, master, { users: ['anne'], settleSeconds: 0, sampleSize: Infinity });
    expect(differencesOf(proof, 'anne').filter((each) => each.startsWith('wrong'))).to.deep.equal([]);
    expect(differencesOf(proof, 'anne')).to.have.lengthOf.at.least(8);
    expect(proof.code, proof.stdout).to.equal(0);
    await replicate();
    const after = await prove(backup, master, { users: ['anne'], sampleSize: Infinity, isThorough: true });
    expect(after.stdout).to.match(/1 proved, 0 behind/);
  });

  it('a busy server with rolling replication gives no false alarm', async () => {
    const users = ['dora', 'emil'];
    const workload = new Workload(master, 4711, users);
    const rolling = master.rolling(backup.address);
    try {
      for (const user of users) await master.createUser(user);
      const proofs: Proof[] = [];
      const work = { stepsDone: 0 };
      const steps = async (): Promise<void> => {
        for (; work.stepsDone < 150; work.stepsDone += 1) await workload.step();
      };
      const proving = async (): Promise<void> => {
        do proofs.push(await prove(backup, master, { sampleSize: 5, isThorough: true, settleSeconds: 0.2 }));
        while (work.stepsDone < 150);
      };
      await Promise.all([steps(), proving()]);
      const wrong = proofs.flatMap(({ stdout }) =>
        stdout.split('\n').filter((line) => line.includes(': wrong: ')),
      );
      expect(wrong).to.deep.equal([]);
      expect(proofs.length).to.be.at.least(2);
    } finally {
      workload.close();
      await rolling.stop();
    }
  });

  it('the command: exit codes, report, signature, status', async () => {
    const conf = restoreConf(backup, { ...master.syncServer });
    const server = `imap://127.0.0.1:${master.imapPort}`;
    const args = ['-C', conf, '--no-tls', '--settle', '0', '--grace', '0', server];
    await replicate();
    const run = await runOurs('cyrus-backups', ['prove', ...args, 'anne', 'bethany']);
    expect([run.code, run.stderr], run.stdout).to.deep.equal([0, '']);
    const [, path = ''] = /^report: (.*)$/m.exec(run.stdout) ?? [];
    expect(statSync(path).mode & 0o777).to.equal(0o600);
    const all = await runOurs('cyrus-backups', ['reports', '-C', conf]);
    expect([all.code, all.stderr], all.stdout).to.deep.equal([0, '']);
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.replace('"bethany"', '"bethane"'));
    const changed = await runOurs('cyrus-backups', ['reports', '-C', conf, path]);
    expect(changed.code).to.equal(65);
    expect(changed.stderr).to.contain('its lines are not those that were signed');
    writeFileSync(path, text);
    const wrong = join(backup.folder, 'wrong');
    writeFileSync(wrong, 'wrong\n');
    const denied = await runOurs('cyrus-backups', ['prove', '--password-file', wrong, ...args]);
    expect(denied.code).to.equal(77);
  });
});
