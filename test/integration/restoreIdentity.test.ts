/**
 * A second restore to a real Dovecot adds nothing, whatever the messages look like and however Dovecot stores them, and
 * folders whose names it does not take go to others without meeting.
 */
import { expect } from 'chai';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BackupSite, guidOf } from '../support/backups.ts';
import { runOurs } from '../support/backupdDaemon.ts';
import { Dovecot } from '../support/dovecot.ts';
import { needs } from '../support/needs.ts';
import { backupOf } from '../support/toStrictImap.ts';

const ODD = [
  'Message-ID: <caf\xe9@example.com>\r\n\r\none\r\n',
  'Message-ID: =?utf-8?q?=3Cenc=40example.com=3E?=\r\n\r\ntwo\r\n',
  'Message-ID: <1@example.com>\r\nMessage-ID: <2@example.com>\r\n\r\nthree\r\n',
  'Message-ID: <same@example.com>\r\n\r\nfour\r\n',
  'Message-ID: <same@example.com>\r\n\r\nfive, another text\r\n',
  'Subject: copy\r\n\r\nsix\r\n',
  'Subject: copy\r\n\r\nsix\r\n',
  'Subject: bare LF\n\nseven\nlines\n',
  'Subject: mixed\r\n\r\neight\nlines\r\n',
  'Subject: no end\r\n\r\nnine',
  'Subject: NUL\r\n\r\nbefore\0after\r\n',
  'Subject: empty lines\r\n\r\n\r\n\r\n',
];

describe('a restore to Dovecot, run again', function () {
  this.timeout(60_000);

  let dovecot: Dovecot;
  let site: BackupSite;
  let conf: string;

  before(async function () {
    needs(this, 'the package dovecot-core', 'the unpacked package dovecot-imapd');
    dovecot = await Dovecot.start();
  });

  afterEach(() => site?.remove());
  after(() => dovecot?.stop());

  async function restore(user: string): Promise<{ code: number | null; stdout: string; stderr: string }> {
    conf = join(site.folder, 'imapd.conf');
    writeFileSync(conf, `configdirectory: ${site.folder}\nbackuppartition-default: ${site.folder}\n`);
    const to = ['--to', `imap://${user}@127.0.0.1:${dovecot.port}`, '--password-file', dovecot.passwordFile];
    return runOurs('restore', ['-C', conf, ...to, '-a', '-f', site.path()]);
  }

  async function stored(user: string, folder = 'INBOX'): Promise<string[]> {
    const client = await dovecot.imap(user);
    const found = await client.messages(folder);
    client.close();
    return found.map(({ sha1 }) => sha1);
  }

  it('adds nothing: odd Message-IDs, one Message-ID twice, copies, bare LF, NUL, no line end', async () => {
    site = await backupOf({ 'user.anne': ODD });
    const first = await restore('odd');
    expect(first.code, first.stderr).to.equal(0);
    expect(first.stdout).to.match(/ 12 messages added/);
    const before = await stored('odd');
    expect(before.filter((sha1) => sha1 === guidOf(ODD[5] ?? ''))).to.have.length(2);
    const second = await restore('odd');
    expect([second.code, await stored('odd')]).to.deep.equal([0, before]);
    expect(second.stdout).to.match(/ 0 messages added .* 12 skipped/);
    expect(second.stderr).to.match(/\d there already as the server stores them/);
  });

  it('finds its folders under the names that Dovecot took', async () => {
    const text = (name: string): string => `Subject: ${name}\r\n\r\n${name}\r\n`;
    const names = ['Work', 'work', 'inbox', 'a^b', 'a_b', 'x/y', 'x_y', '~home'];
    site = await backupOf(
      Object.fromEntries(
        ['', ...names.map((name) => `.${name}`)].map((name) => [`user.anne${name}`, [text(name)]]),
      ),
    );
    const first = await restore('names');
    expect(first.code, first.stderr).to.equal(0);
    expect(first.stdout).to.match(/ 9 messages added/);
    const client = await dovecot.imap('names');
    const folders = await client.list();
    client.close();
    expect(folders, first.stderr).to.have.length(9);
    for (const folder of folders) expect(await stored('names', folder), folder).to.have.length(1);
    const second = await restore('names');
    expect(second.stdout).to.match(/ 0 created, 0 messages added .* 9 skipped/);
  });
});
