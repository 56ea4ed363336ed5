/**
 * docs/guide/recovery.md, run as it is written: each recipe's disaster is made to happen to a real Cyrus, the commands of its section are run,
 * and what they promise is looked at. Only hosts, paths, the configuration and the moment of `--at` are put in.
 */
import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BackupServer } from '../support/backupdDaemon.ts';
import { CyrusMaster } from '../support/cyrus.ts';
import { Dovecot } from '../support/dovecot.ts';
import { run, type Outcome } from '../support/machine.ts';
import { appendMessages } from '../support/mailboxes.ts';
import { cyrusRequirements, needs } from '../support/needs.ts';
import { difference, removeUser, restoreConf, stateOf } from '../support/restoring.ts';

const text = readFileSync(new URL('../../../docs/guide/recovery.md', import.meta.url), 'utf8');

/** The commands of a section, in its order. */
function commandsOf(heading: string): string[] {
  const section = text.split(/^## /m).find((each) => each.startsWith(`${heading}\n`)) ?? '';
  const blocks = [...section.matchAll(/^```sh\n([^]*?)^```/gm)].map(([, block]) => block ?? '');
  const commands = blocks
    .join('')
    .split('\n')
    .filter((line) => line !== '');
  if (commands.length === 0) throw new Error(`no commands under ${heading}`);
  return commands;
}

describe('the recipes of docs/guide/recovery.md', function () {
  this.timeout(120_000);

  let master: CyrusMaster;
  let backup: BackupServer;
  let dovecot: Dovecot;
  let scratch: string;
  let truth: string[];
  /** Unix seconds: before the last disaster. */
  let sane = 0;

  before(async function () {
    needs(this, ...cyrusRequirements, 'the package dovecot-core', 'the unpacked package dovecot-imapd');
    [master, backup, dovecot] = await Promise.all([
      CyrusMaster.start(),
      BackupServer.start(),
      Dovecot.start(),
    ]);
    scratch = join(backup.folder, 'scratch');
    mkdirSync(scratch);
    await master.createUser('anne');
    const client = await master.imap('anne');
    await client.create('INBOX/Archive', 'INBOX/Archive/2024');
    await appendMessages(client, 'INBOX', 1, 6);
    await appendMessages(client, 'INBOX/Archive', 10, 4);
    await appendMessages(client, 'INBOX/Archive/2024', 20, 4);
    await client.command('SETACL', '"INBOX/Archive"', 'anyone', 'lr');
    client.close();
    const admin = await master.admin();
    await admin.command('SETQUOTA', '"user/anne"', '(STORAGE 100000)');
    admin.close();
    await replicate();
    truth = await stateOf(master, 'anne');
  });

  after(async () => {
    await Promise.all([master?.stop(), backup?.stop(), dovecot?.stop()]);
  });

  async function replicate(): Promise<void> {
    const { code, stdout, stderr } = await master.syncClient(['-u', 'anne'], backup.address);
    expect(code, stdout + stderr).to.equal(0);
  }

  async function follow(heading: string): Promise<Outcome[]> {
    const conf = restoreConf(backup, master.syncServer);
    const outcomes: Outcome[] = [];
    for (const command of commandsOf(heading)) {
      const program = new URL('../../bin/restore', import.meta.url).pathname;
      const line = command
        .replace(/^restore /, `${program} -C ${conf} `)
        .replace('mail.example.com', `127.0.0.1:${master.syncServer.port}`)
        .replace('dovecot.example.com', `127.0.0.1:${dovecot.port}`)
        .replace('--password-file secret', `--password-file ${dovecot.passwordFile}`)
        .replace(/--at \S+/, `--at @${sane}`)
        .replace('/srv/mail', join(scratch, 'maildirs'));
      const outcome = await run('sh', ['-c', line], { cwd: scratch });
      expect(outcome.code, `${command}\n${outcome.stdout}${outcome.stderr}`).to.equal(0);
      outcomes.push(outcome);
    }
    return outcomes;
  }

  /** What comes next is in another second than what was. */
  async function calm(): Promise<void> {
    sane = Math.floor(Date.now() / 1000);
    await sleep(1100);
  }

  async function subjects(mailbox: string): Promise<string[]> {
    const client = await master.imap('anne');
    const messages = await client.messages(mailbox);
    client.close();
    return messages.map(({ body }) => /Subject: (.*)\r/.exec(body.toString('latin1'))?.[1] ?? '').toSorted();
  }

  it('One message', async () => {
    const client = await master.imap('anne');
    await client.expunge('INBOX', '3');
    client.close();
    await replicate();
    await follow('One message');
    expect(await subjects('INBOX')).to.deep.equal([1, 2, 3, 4, 5, 6].map((number) => `Report ${number}`));
  });

  it('One folder', async () => {
    const client = await master.imap('anne');
    await client.command('DELETE', '"INBOX/Archive/2024"');
    await client.command('DELETE', '"INBOX/Archive"');
    client.close();
    await replicate();
    await follow('One folder');
    expect(await subjects('INBOX/Archive')).to.have.lengthOf(4);
    expect(await subjects('INBOX/Archive/2024')).to.have.lengthOf(4);
    const day = new Date().toISOString().slice(0, 10);
    expect(await subjects(`INBOX/Restored/${day}/Archive`)).to.have.lengthOf(4);
  });

  it('One user', async () => {
    await replicate();
    truth = await stateOf(master, 'anne');
    await removeUser(master, 'anne');
    await follow('One user');
    const living = truth.filter((line) => !line.includes('MBOXNAME DELETED.'));
    expect(difference(living, await stateOf(master, 'anne'))).to.deep.equal([]);
  });

  it('All marked as read by accident', async () => {
    const before = await (await master.imap('anne')).messages('INBOX');
    await calm();
    const client = await master.imap('anne');
    await client.select('INBOX');
    await client.store('1:*', '+FLAGS.SILENT (\\Seen)');
    client.close();
    await replicate();
    await follow('All marked as read by accident');
    const after = await (await master.imap('anne')).messages('INBOX');
    expect(after.map(({ uid, flags }) => [uid, flags])).to.deep.equal(
      before.map(({ uid, flags }) => [uid, flags]),
    );
  });

  for (const heading of ['A lost server', 'A ransomed server']) {
    it(heading, async () => {
      await replicate();
      await calm();
      await removeUser(master, 'anne');
      await follow(heading);
      expect(await subjects('INBOX')).to.have.lengthOf(6);
      expect(await subjects('INBOX/Archive/2024')).to.have.lengthOf(4);
    });
  }

  it('Moving to another server', async () => {
    await follow('Moving to another server');
    const client = await dovecot.imap('anne');
    expect(await client.messages('INBOX')).to.have.lengthOf(6);
    expect(await client.messages('Archive')).to.have.lengthOf(4);
    client.close();
    expect(readdirSync(join(scratch, 'maildirs', 'anne', 'cur'))).to.have.lengthOf(6);
    execFileSync('python3', ['-m', 'zipfile', '-t', join(scratch, 'anne.zip')]);
    expect(readFileSync(join(scratch, 'mail', 'anne', 'INBOX'), 'latin1').match(/^From /gm)).to.have.lengthOf(
      6,
    );
  });

  it('Only settings', async () => {
    const client = await master.imap('anne');
    await client.command('DELETEACL', '"INBOX/Archive"', 'anyone');
    const admin = await master.admin();
    await admin.command('SETQUOTA', '"user/anne"', '(STORAGE 5)');
    admin.close();
    await follow('Only settings');
    expect(JSON.stringify(await client.command('GETACL', '"INBOX/Archive"'))).to.contain('anyone lr');
    expect(
      JSON.stringify(
        await client.command('GETQUOTA', '"INBOX"').catch(() => client.command('GETQUOTAROOT', '"INBOX"')),
      ),
    ).to.contain('100000');
    client.close();
  });
});
