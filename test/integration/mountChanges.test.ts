/**
 * What backupd commits is in the mount at once, though the kernel may believe for minutes what it was told: the time
 * that is waited here is far below that, so without notifications each of these fails.
 */
import { expect } from 'chai';
import { join } from 'node:path';
import { FOLDER_VALID_MS } from '../../mount/tree/validity.ts';
import { apply, idOf, message, upload } from '../server/made.ts';
import type { MadeMailbox } from '../server/made.ts';
import { BackupServer, runOurs } from '../support/backupdDaemon.ts';
import { run, waitUntil } from '../support/machine.ts';
import { MountDaemon } from '../support/mountDaemon.ts';
import { needs } from '../support/needs.ts';
import { SyncConnection } from '../support/syncConnection.ts';

/** They come within some 20 ms; a busy machine may take longer. */
const SOON_MS = 15_000;

const bodies = (name: string, count: number): string[] =>
  Array.from({ length: count }, (_, at) => message(`${name} ${at + 1}`));

describe('changes in the mount', function () {
  this.timeout(120_000);

  let backup: BackupServer;
  let mount: MountDaemon;
  let master: SyncConnection;

  before(async function () {
    needs(this, 'root', '/dev/fuse');
    expect(SOON_MS).to.be.below(FOLDER_VALID_MS / 2);
    backup = await BackupServer.start();
    master = await SyncConnection.login(backup.address);
    await made({ name: 'user.anne', bodies: bodies('anne', 3) });
    mount = await MountDaemon.start(backup.conf, ['transport=kernel']);
  });

  after(async () => {
    master?.close();
    await mount?.stop();
    await backup?.stop();
  });

  async function say(...commands: (string | Buffer)[]): Promise<void> {
    for (const command of commands) {
      const { reply } = await master.exchange(command);
      expect(reply, command.toString('latin1')).to.match(/^OK/);
    }
  }

  /** The bodies are uploaded, and are all that the mailbox has. */
  async function made(mailbox: MadeMailbox): Promise<void> {
    const { bodies = [] } = mailbox;
    await say(...(bodies.length > 0 ? [upload(...bodies)] : []), apply(mailbox));
  }

  async function names(path: string): Promise<string[]> {
    const { code, stdout, stderr } = await run('ls', ['-f', join(mount.path, path)]);
    if (code !== 0) return [stderr.replace(/.*: /, '').trim()];
    return stdout
      .split('\n')
      .filter((name) => name !== '' && !name.startsWith('.'))
      .toSorted();
  }

  async function said(...command: [string, ...string[]]): Promise<string> {
    const [program, ...args] = command;
    const { stdout, stderr } = await run(program, args, { cwd: mount.path });
    return stdout + stderr;
  }

  async function becomes(path: string, wanted: readonly string[]): Promise<void> {
    let found: string[] = [];
    await waitUntil(async () => (found = await names(path)).join('\n') === wanted.join('\n'), {
      timeoutMs: SOON_MS,
      what: () => `${path} has ${found.join(' ')}, not ${wanted.join(' ')}\n${mount.log}`,
    });
  }

  async function vanishes(path: string): Promise<void> {
    await waitUntil(async () => (await said('stat', path)).includes('No such file'), {
      timeoutMs: SOON_MS,
      what: () => `${path} is still there\n${mount.log}`,
    });
  }

  async function tool(...args: string[]): Promise<void> {
    const { code, stdout, stderr } = await runOurs('ctl_backups', ['-C', backup.conf, ...args]);
    expect(code, stdout + stderr).to.equal(0);
  }

  it('a new message is in a list that was read before', async () => {
    expect(await names('anne/INBOX')).to.deep.equal(['1.eml', '2.eml', '3.eml']);
    await made({ name: 'user.anne', bodies: bodies('anne', 4) });
    await becomes('anne/INBOX', ['1.eml', '2.eml', '3.eml', '4.eml']);
    expect(await said('cat', 'anne/INBOX/4.eml')).to.equal(message('anne 4'));
  });

  it('an expunged message is gone that was looked at before', async () => {
    expect(await said('stat', '-c', '%s', 'anne/INBOX/2.eml')).to.equal(`${message('anne 2').length}\n`);
    await say(`APPLY EXPUNGE %(MBOXNAME user.anne UNIQUEID ${idOf('user.anne')} UID (2))\r\n`);
    await vanishes('anne/INBOX/2.eml');
    await becomes('anne/INBOX', ['1.eml', '3.eml', '4.eml']);
  });

  it('a name that was asked for in vain is there as soon as the message is', async () => {
    await made({ name: 'user.anne.Vain', bodies: bodies('vain', 1) });
    await becomes('anne/Vain', ['1.eml']);
    expect(await said('stat', 'anne/Vain/2.eml')).to.contain('No such file');
    await made({ name: 'user.anne.Vain', bodies: bodies('vain', 2) });
    expect(await said('cat', 'anne/Vain/2.eml')).to.equal(message('vain 2'));
    await say('APPLY UNMAILBOX user.anne.Vain\r\n');
    await becomes('anne', ['INBOX']);
  });

  it('a folder that is made, renamed and deleted', async () => {
    expect(await names('anne')).to.deep.equal(['INBOX']);
    await made({ name: 'user.anne.Old', bodies: bodies('old', 2) });
    await becomes('anne', ['INBOX', 'Old']);
    expect(await names('anne/Old')).to.deep.equal(['1.eml', '2.eml']);
    await say(
      'APPLY RENAME %(OLDMBOXNAME user.anne.Old NEWMBOXNAME user.anne.New PARTITION default UIDVALIDITY 1700000000)\r\n',
    );
    await vanishes('anne/Old');
    await becomes('anne', ['INBOX', 'New']);
    expect(await names('anne/New')).to.deep.equal(['1.eml', '2.eml']);
    await say('APPLY UNMAILBOX user.anne.New\r\n');
    await vanishes('anne/New');
    await becomes('anne', ['INBOX']);
  });

  it('another mailbox of the same name has its own messages, though their names are the same', async () => {
    const name = 'user.anne.Twice';
    await made({ name, uniqueid: 'first', bodies: bodies('first', 2) });
    await becomes('anne/Twice', ['1.eml', '2.eml']);
    expect(await said('cat', 'anne/Twice/1.eml')).to.equal(message('first 1'));
    await say(`APPLY UNMAILBOX ${name}\r\n`);
    await made({ name, uniqueid: 'second', bodies: bodies('the second', 1) });
    await becomes('anne/Twice', ['1.eml']);
    expect(await said('cat', 'anne/Twice/1.eml')).to.equal(message('the second 1'));
  });

  it('users come and go', async () => {
    expect(await names('')).to.deep.equal(['anne']);
    await made({ name: 'user.bethany', bodies: bodies('bethany', 1) });
    await becomes('', ['anne', 'bethany']);
    expect(await names('bethany/INBOX')).to.deep.equal(['1.eml']);
    await say('RESTART\r\n');
    await tool('-F', '-w', 'delete', 'bethany');
    await vanishes('bethany');
    await becomes('', ['anne']);
  });

  it('what is committed to files that have taken the place of others', async () => {
    const name = 'user.anne.Replaced';
    await made({ name, bodies: bodies('replaced', 2) });
    await becomes('anne/Replaced', ['1.eml', '2.eml']);
    let count = 2;
    for (const command of ['reindex', 'compact']) {
      await say('RESTART\r\n');
      await tool('-F', '-w', command, 'anne');
      count++;
      await made({ name, bodies: bodies('replaced', count) });
      expect(await said('stat', 'anne/Replaced/1.eml')).to.contain('anne/Replaced/1.eml');
      await becomes(
        'anne/Replaced',
        Array.from({ length: count }, (_, at) => `${at + 1}.eml`),
      );
    }
  });
});
