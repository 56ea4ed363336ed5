/**
 * More keywords than a server takes: a real Cyrus keeps 128 in a mailbox and aborts at one more, a real Dovecot refuses those
 * of more than 50 characters. Every message arrives, and what was left off is named.
 */
import { expect } from 'chai';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BackupServer, runOurs } from '../support/backupdDaemon.ts';
import type { BackupSite } from '../support/backups.ts';
import { CyrusMaster } from '../support/cyrus.ts';
import { Dovecot } from '../support/dovecot.ts';
import type { FetchedMessage } from '../support/imapClient.ts';
import type { Outcome } from '../support/machine.ts';
import { cyrusRequirements, needs } from '../support/needs.ts';
import { restoreConf, removeUser } from '../support/restoring.ts';
import { backupOf } from '../support/toStrictImap.ts';
import type { Kept } from '../support/toStrictImap.ts';

const keywords = Array.from({ length: 140 }, (_, index) => `$K${String(index).padStart(3, '0')}`);
/** A keyword each; the first three have all of the first ten, so that these are the ones most in use. */
const messages = keywords.map((keyword, index): Kept => {
  const common = index < 3 ? keywords.slice(0, 10) : [];
  const flags = [...new Set(['\\Seen', keyword, ...common])];
  return { text: `Subject: m${index}\r\n\r\nbody ${index}\r\n`, flags: flags.join(' ') };
});

function keywordsOf(found: readonly FetchedMessage[]): Set<string> {
  return new Set(found.flatMap(({ flags }) => flags.filter((flag) => flag.startsWith('$K'))));
}

describe('restoring more keywords than a server takes', function () {
  this.timeout(120_000);

  let master: CyrusMaster;
  let backup: BackupServer;
  let site: BackupSite;
  let conf: string;

  before(async function () {
    needs(this, ...cyrusRequirements, 'the package dovecot-core', 'the unpacked package dovecot-imapd');
    [master, backup] = await Promise.all([CyrusMaster.start(), BackupServer.start()]);
    conf = restoreConf(backup, master.syncServer);
    site = await backupOf({ 'user.anne': messages, 'user.anne.Later': ['Subject: later\r\n\r\nlater\r\n'] });
    await master.addAccount('anne');
  });

  after(async () => {
    await Promise.all([master?.stop(), backup?.stop(), site?.remove()]);
  });

  const restore = (...args: string[]): Promise<Outcome> =>
    runOurs('restore', ['-C', conf, ...args, '-f', site.path()], 120_000);

  async function inboxOfAnne(): Promise<FetchedMessage[]> {
    const client = await master.imap('anne');
    const found = await client.messages('INBOX');
    client.close();
    return found;
  }

  for (const exact of [[], ['-U']]) {
    it(`to Cyrus ${exact.join('')}: 128 keywords, those most in use; the others are named, and the server lives`, async () => {
      const server = `127.0.0.1:${master.syncServer.port}`;
      const first = await restore('-a', ...exact, server);
      expect(first.code, first.stderr).to.equal(75);
      const found = await inboxOfAnne();
      expect(found).to.have.length(140);
      expect(found.every(({ flags }) => flags.includes('\\Seen'))).to.equal(true);
      const kept = keywordsOf(found);
      expect(kept.size).to.equal(128);
      expect(keywords.slice(0, 10).every((keyword) => kept.has(keyword))).to.equal(true);
      const named = [...first.stderr.matchAll(/flag (\$K\d+) left off \(UID \d+\): .*128/g)].map(
        (match) => match[1],
      );
      expect(named).to.deep.equal(keywords.filter((keyword) => !kept.has(keyword)));
      expect(first.stdout).to.match(/141 messages added/);
      const again = await restore('-a', ...exact, server);
      expect(again.stdout).to.match(/ 0 messages added .*141 skipped/);
      await removeUser(master, 'anne');
    });
  }

  it('to a mailbox of Cyrus that has 100 others (as many as its imapd makes): 28 of ours come with their messages', async () => {
    await master.createUser('anne');
    const client = await master.imap('anne');
    for (let at = 0; at < 100; at += 1)
      await client.append('INBOX', Buffer.from(`Subject: o${at}\r\n\r\n${at}\r\n`), { flags: `$Other${at}` });
    client.close();
    const { code, stderr } = await restore('-a', `127.0.0.1:${master.syncServer.port}`);
    expect(code, stderr).to.equal(75);
    const found = await inboxOfAnne();
    expect([found.length, keywordsOf(found).size]).to.deep.equal([240, 28]);
    const flagsOnly = await restore('--flags-only', `127.0.0.1:${master.syncServer.port}`);
    expect(flagsOnly.stderr).to.match(/flag \$K139 left off/);
    expect(keywordsOf(await inboxOfAnne()).size).to.equal(28);
  });

  it('to a mailbox of Cyrus that has had 100 others, which nothing shows: its messages come, without new keywords', async () => {
    const client = await master.imap('anne');
    await client.expunge('INBOX', '1:*');
    await client.command('UNSELECT');
    client.close();
    await master.tool('cyr_expire', '-E', '0', '-D', '0', '-X', '0');
    const { code, stderr } = await restore('-a', `127.0.0.1:${master.syncServer.port}`);
    expect(code, stderr).to.equal(75);
    const found = await inboxOfAnne();
    expect([found.length, keywordsOf(found).size], stderr).to.deep.equal([140, 0]);
    expect(stderr).to.match(/flag \$K139 left off \(UID 140\): the server failed with new keywords/);
  });

  it('to Dovecot: a keyword of 60 characters is left off and named, at its message', async () => {
    const dovecot = await Dovecot.start();
    const long = 'x'.repeat(60);
    const odd = await backupOf({
      'user.anne': [
        { text: 'Subject: 1\r\n\r\n1\r\n', flags: `\\Seen ${long} $Short` },
        { text: 'Subject: 2\r\n\r\n2\r\n', flags: '\\Flagged TEST:LABEL' },
        ...Array.from({ length: 30 }, (_, at): Kept => ({
          text: `Subject: n${at}\r\n\r\n`,
          flags: `${'y'.repeat(60)}${at}`,
        })),
      ],
    });
    try {
      writeFileSync(join(site.folder, 'password'), 'secret\n');
      const to = ['--to', `imap://anne@127.0.0.1:${dovecot.port}`, '--password-file', dovecot.passwordFile];
      const { code, stderr } = await runOurs('restore', ['-C', conf, ...to, '-a', '-f', odd.path()], 120_000);
      expect(code, stderr).to.equal(75);
      expect(stderr).to.match(/flag x{60} left off \(UID 1\): .*Keyword length too long/);
      const client = await dovecot.imap('anne');
      const found = await client.messages('INBOX');
      client.close();
      expect(found.slice(0, 2).map(({ flags }) => flags)).to.deep.equal([
        ['$Short', '\\Seen'],
        ['TEST:LABEL', '\\Flagged'],
      ]);
      expect(found).to.have.length(32);
    } finally {
      await Promise.all([dovecot.stop(), odd.remove()]);
    }
  });
});
