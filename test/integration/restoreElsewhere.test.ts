/**
 * The same mail in other people's formats: a real Dovecot over IMAP (encrypted), Dovecot's own reading of our Maildirs and
 * mboxes, and archives. Messages are compared by SHA-1, with flags and dates.
 */
import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BackupServer } from '../support/backupdDaemon.ts';
import { CyrusMaster } from '../support/cyrus.ts';
import { Dovecot } from '../support/dovecot.ts';
import type { FetchedMessage, ImapClient } from '../support/imapClient.ts';
import { buildMailboxes } from '../support/mailboxes.ts';
import { cyrusRequirements, needs } from '../support/needs.ts';
import { Restorer, total } from '../support/restoring.ts';

/** What has to be the same everywhere. */
type Comparable = Record<string, string[]>;

function comparable(folders: ReadonlyMap<string, readonly FetchedMessage[]>): Comparable {
  const result: Comparable = {};
  for (const [name, messages] of folders) {
    if (messages.length === 0) continue;
    result[name] = messages
      .map(({ sha1, flags, internalDate }) => `${sha1} ${internalDate} ${flags.join(' ')}`)
      .toSorted();
  }
  return result;
}

/** The folder whose name has a dot, as a Maildir has it: told from another that has the other sign by itself. */
function inMaildir(truth: Comparable): Comparable {
  const dotted = Object.keys(truth).filter((name) => name.startsWith('v1_2'));
  const others = Object.entries(truth).filter(([name]) => !dotted.includes(name));
  return Object.fromEntries([
    ...others,
    ...dotted.map((name) => [name.replace('v1_2', 'v1%2E2'), truth[name] ?? []]),
  ]) as Comparable;
}

describe('restore to other servers and to files', function () {
  this.timeout(120_000);

  let master: CyrusMaster;
  let backup: BackupServer;
  let dovecot: Dovecot;
  let restorer: Restorer;
  let truth: Comparable;

  before(async function () {
    needs(this, ...cyrusRequirements, 'the package dovecot-core', 'the unpacked package dovecot-imapd');
    [master, backup, dovecot] = await Promise.all([
      CyrusMaster.start(),
      BackupServer.start(),
      Dovecot.start(),
    ]);
    restorer = new Restorer(backup, master.syncServer);
    await master.createUser('anne');
    await buildMailboxes(master, 'anne', { hasLarge: false });
    const client = await master.imap('anne');
    await client.create('INBOX/Entw&APw-rfe');
    await client.append('INBOX/Entw&APw-rfe', Buffer.from('Subject: A draft\r\n\r\nFrom here on\r\n'), {
      flags: '\\Draft',
    });
    client.close();
    const { code, stdout, stderr } = await master.syncClient(['-u', 'anne'], backup.address);
    expect(code, stdout + stderr).to.equal(0);
    // Dovecot parts levels with a dot, so that one in a name becomes another sign.
    const folders = [...(await master.truth('anne'))].map(([name, messages]): [string, FetchedMessage[]] => [
      name
        .replace(/^INBOX\//, '')
        .replaceAll('.', '_')
        .replaceAll('/', '.'),
      messages,
    ]);
    truth = comparable(new Map(folders));
  });

  after(async () => {
    await Promise.all([master?.stop(), backup?.stop(), dovecot?.stop()]);
  });

  async function onDovecot(user: string): Promise<Comparable> {
    const client = await dovecot.imap(user);
    const folders = new Map<string, FetchedMessage[]>();
    for (const name of await client.list()) folders.set(name, await client.messages(name));
    client.close();
    return comparable(folders);
  }

  const toDovecot = (user: string, ...args: string[]): string[] => [
    '--to',
    `imap://${user}@127.0.0.1:${dovecot.port}`,
    '--tls-ca',
    dovecot.certificate,
    ...args,
    '-a',
    '-u',
    'anne',
  ];

  it('Dovecot over IMAP, encrypted and with its certificate checked, holds the same; a second run adds nothing', async () => {
    const args = toDovecot('moved', '--password-file', dovecot.passwordFile);
    const plan = await restorer.report('-n', ...args);
    expect(await onDovecot('moved')).to.deep.equal({});
    const report = await restorer.report(...args);
    expect(await onDovecot('moved')).to.deep.equal(truth);
    expect(total(report, 'added')).to.equal(total(plan, 'added'));
    const again = await restorer.report(...args);
    expect([total(again, 'added'), total(again, 'skipped')]).to.deep.equal([0, total(report, 'added')]);
  });

  it('what was deleted there meanwhile is all that a later run sends', async () => {
    const client: ImapClient = await dovecot.imap('moved');
    await client.expunge('INBOX', '2,4');
    client.close();
    const report = await restorer.report(...toDovecot('moved', '--password-file', dovecot.passwordFile));
    expect(total(report, 'added')).to.equal(2);
    expect(await onDovecot('moved')).to.deep.equal(truth);
  });

  it('a wrong password, a certificate that nobody vouches for and a full quota are said so', async () => {
    const wrong = join(backup.folder, 'wrong');
    writeFileSync(wrong, 'wrong\n');
    const password = await restorer.run(...toDovecot('moved', '--password-file', wrong));
    expect(password.code).to.equal(77);
    expect(password.stderr).to.match(/login: .*Authentication failed/i);
    const unknown = [
      '--to',
      `imap://moved@localhost:${dovecot.port}`,
      '--password-file',
      dovecot.passwordFile,
    ];
    const other = join(backup.folder, 'other.pem');
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-subj',
        '/CN=other',
        '-keyout',
        '/dev/null',
        '-out',
        other,
      ],
      { stdio: 'ignore' },
    );
    const certificate = await restorer.run(...unknown, '--tls-ca', other, '-a', '-u', 'anne');
    expect(certificate.code).to.equal(77);
    expect(certificate.stderr).to.match(/certificate/);
    const full = await restorer.run(...toDovecot('full', '--password-file', dovecot.passwordFile));
    expect(full.code).to.equal(75);
    expect(full.stderr).to.match(/user\.anne: .*quota is full/);
  });

  it('a Maildir is what Dovecot reads as the same; a second run adds nothing', async () => {
    const root = join(dovecot.folder, 'mail');
    const args = ['--to', `maildir:${root}/maildir`, '-a', '-u', 'anne'];
    const report = await restorer.report(...args);
    execFileSync('chown', ['-R', 'nobody:nogroup', root]);
    execFileSync('mv', [join(root, 'maildir', 'anne'), join(root, 'frommaildir')]);
    expect(await onDovecot('frommaildir')).to.deep.equal(inMaildir(truth));
    execFileSync('mkdir', ['-p', join(root, 'maildir')]);
    execFileSync('mv', [join(root, 'frommaildir'), join(root, 'maildir', 'anne')]);
    const again = await restorer.report(...args);
    expect([total(again, 'added'), total(again, 'skipped')]).to.deep.equal([0, total(report, 'added')]);
    expect(readFileSync(join(root, 'maildir', 'anne', 'sieve', 'active'), 'utf8')).to.equal('main\n');
    expect(readFileSync(join(root, 'maildir', 'anne', 'subscriptions'), 'utf8').split('\n')).to.include(
      'Receipts',
    );
  });

  it('doveadm import takes the Maildir', async () => {
    const from = join(dovecot.folder, 'mail', 'maildir', 'anne');
    execFileSync('chown', ['-R', 'nobody:nogroup', from]);
    const { code, stderr } = await dovecot.doveadm('import', '-u', 'imported', `maildir:${from}`, '', 'ALL');
    expect(code, stderr).to.equal(0);
    expect(await onDovecot('imported')).to.deep.equal(inMaildir(truth));
  });

  it('an mbox is read by Dovecot: as many messages, with their flags and dates; a second run adds nothing', async () => {
    const folder = join(backup.folder, 'mbox');
    const args = ['--to', `mbox:${folder}`, '-a', '-u', 'anne'];
    const report = await restorer.report(...args);
    const inbox = join(folder, 'anne', 'INBOX');
    execFileSync('chmod', ['-R', 'a+rX', backup.folder]);
    const location = `mbox:/tmp:INBOX=${inbox}:INDEX=MEMORY`;
    const fetched = await dovecot.doveadm(
      '-o',
      `mail_location=${location}`,
      'fetch',
      '-u',
      'reader',
      'flags date.received',
      'mailbox',
      'INBOX',
    );
    const seen = fetched.stdout.split('\f').filter((each) => each.includes('\\Seen')).length;
    const inTruth = truth['INBOX'] ?? [];
    expect(fetched.stdout.match(/^flags:/gm)?.length, fetched.stderr).to.equal(inTruth.length);
    expect(seen).to.equal(inTruth.filter((each) => each.includes('\\Seen')).length);
    expect(readFileSync(join(folder, 'anne', 'Entwürfe'), 'utf8')).to.contain('\n>From here on\n');
    const again = await restorer.report(...args);
    expect([total(again, 'added'), total(again, 'skipped')]).to.deep.equal([0, total(report, 'added')]);
  });

  it('tar and zip are what tar and unzip read, each message byte for byte', async () => {
    const sha1 = (bytes: Buffer): string => createHash('sha1').update(bytes).digest('hex');
    const wanted = Object.values(truth)
      .flat()
      .map((line) => line.slice(0, 40))
      .toSorted();
    for (const format of ['tar', 'zip'] as const) {
      const file = join(backup.folder, `anne.${format}`);
      await restorer.report('--to', `${format}:${file}`, '-a', '-u', 'anne');
      const into = join(backup.folder, `from-${format}`);
      execFileSync('mkdir', [into]);
      if (format === 'tar') execFileSync('tar', ['-xf', file, '-C', into]);
      else execFileSync('python3', ['-m', 'zipfile', '-e', file, into]);
      const files = readdirSync(into, { recursive: true, encoding: 'utf8' })
        .map((name) => join(into, name))
        .filter((path) => statSync(path).isFile() && /\/cur\/|\.eml$/.test(path));
      expect(files.map((path) => sha1(readFileSync(path))).toSorted(), format).to.deep.equal(wanted);
    }
    const again = await restorer.run('--to', `tar:${join(backup.folder, 'anne.tar')}`, '-a', '-u', 'anne');
    expect(again.code, 'an archive that is there is not touched').to.not.equal(0);
    const piped = await restorer.run('--to', 'tar:-', '-u', 'anne', 'INBOX');
    expect(piped.stdout.startsWith('anne/cur/')).to.equal(true);
    expect(piped.stderr).to.contain('restored: 1 user');
  });
});
