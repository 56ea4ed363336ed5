/** undo and history against Debian's Cyrus: a wipe, flags, moves and rights are taken back, once. */
import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { BackupServer, runOurs } from '../support/backupdDaemon.ts';
import { CyrusMaster } from '../support/cyrus.ts';
import type { ImapClient } from '../support/imapClient.ts';
import type { Outcome } from '../support/machine.ts';
import { appendMessages, buildMailboxes, message } from '../support/mailboxes.ts';
import { cyrusRequirements, needs } from '../support/needs.ts';
import { restoreConf, stateOf } from '../support/restoring.ts';

const nowS = (): number => Math.floor(Date.now() / 1000);

describe('undo on a real server', function () {
  this.timeout(180_000);

  let master: CyrusMaster;
  let backup: BackupServer;
  let conf: string;

  before(async function () {
    needs(this, ...cyrusRequirements);
    [master, backup] = await Promise.all([
      CyrusMaster.start(),
      BackupServer.start('backup_alarm_messages: 20\n'),
    ]);
    conf = restoreConf(backup, master.syncServer);
  });

  after(async () => {
    await Promise.all([master?.stop(), backup?.stop()]);
  });

  /** Replicates, and returns a time at which all that was known and nothing newer. */
  async function replicate(user: string): Promise<number> {
    const { code, stdout, stderr } = await master.syncClient(['-u', user], backup.address);
    expect(code, stdout + stderr).to.equal(0);
    await sleep(1100);
    const time = nowS();
    await sleep(1100);
    return time;
  }

  async function undo(user: string, from: number, to: number, ...args: string[]): Promise<Outcome> {
    const server = `127.0.0.1:${master.syncServer.port}`;
    const all = ['undo', '-C', conf, '--no-tls', '--between', `@${from}`, `@${to}`, ...args, server, user];
    return runOurs('cyrus-backups', all, 120_000);
  }

  /** Returns each message with flags and date, by mailbox, without UIDs. */
  async function mailOf(user: string): Promise<Record<string, string[]>> {
    const mail = await master.truth(user);
    return Object.fromEntries(
      [...mail].map(([name, messages]) => [
        name,
        messages
          .map(
            ({ sha1, flags, internalDate }) =>
              `${sha1} ${internalDate} ${flags
                .filter((flag) => flag !== '\\Recent')
                .toSorted()
                .join(' ')}`,
          )
          .toSorted(),
      ]),
    );
  }

  async function wipe(client: ImapClient): Promise<void> {
    const names = (await client.list())
      .filter((name) => name.startsWith('INBOX/'))
      .toSorted()
      .reverse();
    for (const name of ['INBOX', ...names]) await client.expunge(name, '1:*');
    await client.command('UNSELECT');
    await client.command('SETMETADATA', '"INBOX/Empty"', '(/private/specialuse NIL)');
    for (const name of names) await client.command('DELETE', `"${name}"`);
    for (const name of ['INBOX', 'INBOX/Receipts']) await client.command('UNSUBSCRIBE', `"${name}"`);
  }

  it('a wipe: all mail, folders, flags, scripts and subscriptions come back, record by record', async () => {
    await master.createUser('anne');
    await buildMailboxes(master, 'anne', { hasLarge: false });
    const from = await replicate('anne');
    const [mail, state] = [await mailOf('anne'), await stateOf(master, 'anne')];
    const client = await master.imap('anne');
    await wipe(client);
    const sieve = await master.sieve('anne');
    await sieve.activate('');
    await sieve.delete('keep');
    sieve.close();
    const to = await replicate('anne');
    expect(backup.log).to.match(/anne.*alarm.*\b3\d messages lost|event=alarm user=anne lost=3\d/);
    const rules = await runOurs('ctl_backups', ['-C', conf, 'retention']);
    expect(rules.stdout).to.match(/^hold\tanne\talarm of .*: 3\d messages lost/m);
    await appendMessages(client, 'INBOX', 7000, 2);
    await client.create('INBOX/Since');
    await appendMessages(client, 'INBOX/Since', 7100, 2);
    client.close();
    await replicate('anne');
    const [wiped, wipedMail] = [await stateOf(master, 'anne'), await mailOf('anne')];

    const plan = await undo('anne', from, to, '-n');
    expect([plan.code, await stateOf(master, 'anne')], plan.stdout + plan.stderr).to.deep.equal([0, wiped]);
    expect(plan.stdout).to.match(
      /would be done:\n[^]*user\.anne\.Archive\.2024: made again, with 8 messages/,
    );

    const done = await undo('anne', from, to);
    expect(done.code, done.stdout + done.stderr).to.equal(0);
    const after = await mailOf('anne');
    const { INBOX: inbox = [], 'INBOX/Since': since, ...folders } = after;
    const { INBOX: oldInbox = [], ...oldFolders } = mail;
    expect(folders).to.deep.equal(oldFolders);
    expect(since).to.deep.equal(wipedMail['INBOX/Since']);
    expect(inbox.toSorted()).to.deep.equal([...oldInbox, ...(wipedMail['INBOX'] ?? [])].toSorted());
    const settings = (lines: readonly string[]): string[] =>
      lines.filter((line) => /^\* (LSUB|SIEVE)/.test(line));
    const sortedSubs = (lines: readonly string[]): string[] =>
      settings(lines).map((line) =>
        line
          .replace(/ LAST_UPDATE \d+/, '')
          .replace(/\((.*)\)/, (_, all: string) => all.split(' ').toSorted().join(' ')),
      );
    expect(sortedSubs(await stateOf(master, 'anne'))).to.deep.equal(sortedSubs(state));

    const [again, unchanged] = [await stateOf(master, 'anne'), await undo('anne', from, to)];
    expect([unchanged.code, unchanged.stdout]).to.deep.equal([0, 'nothing to take back\n']);
    await replicate('anne');
    const replicated = await undo('anne', from, to);
    expect([replicated.code, replicated.stdout]).to.deep.equal([0, 'nothing to take back\n']);
    expect(await stateOf(master, 'anne')).to.deep.equal(again);
  });

  it('what was brought back and deleted again stays deleted', async () => {
    await master.createUser('bert');
    const client = await master.imap('bert');
    await appendMessages(client, 'INBOX', 1, 4);
    const from = await replicate('bert');
    await client.expunge('INBOX', '1:2');
    const to = await replicate('bert');
    expect((await undo('bert', from, to)).stdout).to.contain('2 messages added');
    expect(await client.messages('INBOX')).to.have.lengthOf(4);
    await replicate('bert');
    await client.expunge('INBOX', '5');
    client.close();
    await replicate('bert');
    expect((await undo('bert', from, to)).stdout).to.equal('nothing to take back\n');
  });

  it('flags one by one, moves, a rename and rights; what changed since is left', async () => {
    await master.createUser('carl');
    const client = await master.imap('carl');
    await client.create('INBOX/Work', 'INBOX/Other');
    for (let number = 1; number <= 6; number += 1)
      await client.append('INBOX', message(number), { flags: '\\Seen $Label1' });
    const from = await replicate('carl');
    const before = await mailOf('carl');
    await client.select('INBOX');
    await client.store('1:3', '-FLAGS.SILENT (\\Seen $Label1)');
    await client.store('1:3', '+FLAGS.SILENT (\\Flagged)');
    await client.command('UID MOVE', '5:6', '"INBOX/Work"');
    await client.command('UNSELECT');
    await client.command('RENAME', '"INBOX/Other"', '"INBOX/Elsewhere"');
    await client.command('SETACL', '"INBOX"', 'anyone', 'lrswipkxte');
    const to = await replicate('carl');
    await client.select('INBOX');
    await client.store('2', '+FLAGS.SILENT (\\Answered)');
    await client.store('3', '-FLAGS.SILENT (\\Flagged)');
    await client.store('3', '+FLAGS.SILENT (\\Seen)');
    await client.command('UNSELECT');
    const only = await undo('carl', from, to, '-n', '--only', 'acl');
    expect(only.stdout).to.match(/^would be done:\n {2}acl .*\n$/);
    const done = await undo('carl', from, to);
    expect(done.code, done.stdout + done.stderr).to.equal(0);
    const after = await mailOf('carl');
    const flags = (await client.messages('INBOX')).map(
      ({ uid, flags: all }) =>
        `${uid} ${all
          .filter((flag) => flag !== '\\Recent')
          .toSorted()
          .join(' ')}`,
    );
    expect(flags).to.deep.equal([
      '1 $Label1 \\Seen',
      '2 $Label1 \\Answered \\Seen',
      '3 $Label1 \\Seen',
      '4 $Label1 \\Seen',
      '7 $Label1 \\Seen',
      '8 $Label1 \\Seen',
    ]);
    expect(Object.keys(after).toSorted()).to.deep.equal(Object.keys(before).toSorted());
    expect(after['INBOX/Work']).to.deep.equal([]);
    expect(JSON.stringify(await client.command('GETACL', '"INBOX"'))).to.not.contain('anyone');
    expect((await undo('carl', from, to)).stdout).to.equal('nothing to take back\n');
    await replicate('carl');
    expect((await undo('carl', from, to)).stdout).to.equal('nothing to take back\n');
    const [, second] = await client.messages('INBOX');
    client.close();

    const history = await runOurs('cyr_backup', [
      '-C',
      conf,
      'carl',
      'history',
      second?.sha1 ?? '',
      'user/carl/Other',
      '<m6@example.com>',
    ]);
    expect([history.code, history.stderr], history.stdout).to.deep.equal([0, '']);
    expect(history.stdout).to.match(/came {6}user\.carl UID 2: flags \(\\Seen \$Label1\)/);
    expect(history.stdout).to.match(/flags {5}user\.carl UID 2: \+\\Flagged -\\Seen -\$Label1/);
    expect(history.stdout).to.match(/renamed {3}user\.carl\.Elsewhere: from user\.carl\.Other/);
    expect(history.stdout).to.match(/moved {5}user\.carl\.Work UID 2: from user\.carl, flags/);
    const json = await runOurs('cyr_backup', ['-C', conf, 'carl', 'json', 'history', 'user/carl']);
    const [first] = JSON.parse(json.stdout) as { events: { event: string; detail?: string }[] }[];
    expect(first?.events.map(({ event }) => event)).to.include.members(['created', 'messages', 'settings']);
  });

  it('a wrong span and an unknown kind are told', async () => {
    const late = await undo('carl', nowS() - 10, nowS() - 20);
    expect([late.code, late.stderr.includes('the first time must be before the second')]).to.deep.equal([
      64,
      true,
    ]);
    const early = await undo('carl', 1000, nowS());
    expect([early.code, /nothing is known of 1970/.test(early.stderr)], early.stderr).to.deep.equal([
      66,
      true,
    ]);
    const kind = await undo('carl', nowS() - 10, nowS(), '--only', 'mail');
    expect([kind.code, kind.stderr.includes('"mail" is none of deletes')]).to.deep.equal([64, true]);
  });
});
