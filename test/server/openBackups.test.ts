import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Twoskip } from '../../src/catalog/twoskip/database.ts';
import { registeredFileCount } from '../../src/fs/lockedFile.ts';
import { waitUntil } from '../support/machine.ts';
import { WatchedDisk } from '../support/watchedDisk.ts';
import type { SyncConnection } from '../support/syncConnection.ts';
import { apply, message, upload } from './made.ts';
import { TestServer } from './testServer.ts';

const LOCKED = 'NO IMAP_MAILBOX_LOCKED Mailbox locked';
const POSIX_LOCK = new URL('../../src/fs/posixLock.js', import.meta.url).href;

/** Runs work while another process holds the file locked. */
async function whileLockedElsewhere(path: string, work: () => Promise<void>): Promise<void> {
  const script = `
    import { openSync } from 'node:fs';
    import { tryLock } from '${POSIX_LOCK}';
    process.stdout.write(String(tryLock(openSync(${JSON.stringify(path)}, 'r+'), 'write')));
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const ended = once(child, 'exit').then(([code]) => [`ended with ${String(code)}`]);
    const [said] = (await Promise.race([once(child.stdout, 'data'), ended])) as [Buffer | string];
    expect(said.toString()).to.equal('true');
    await work();
  } finally {
    child.kill('SIGKILL');
  }
}

describe('the backups that a session holds', () => {
  let server: TestServer;
  let client: SyncConnection;

  beforeEach(async () => {
    server = await TestServer.start({ releaseTimeoutMs: 300 });
    client = await server.login();
  });

  afterEach(async () => {
    await server.stop();
    expect(registeredFileCount(), 'data files left open').to.equal(0);
  });

  const reply = async (command: string | Buffer, by = client): Promise<string> =>
    (await by.exchange(command)).reply;

  it('are LOCKED to another session, until RESTART', async () => {
    const other = await server.login();
    expect(await reply(apply({ name: 'user.anne' }))).to.equal('OK Success');
    expect(await reply('GET USER anne\r\n', other)).to.equal(LOCKED);
    expect(await reply(apply({ name: 'user.anne' }), other)).to.equal(LOCKED);
    expect(await reply(apply({ name: 'user.bethany' }), other)).to.equal('OK Success');
    expect(await reply('RESTART\r\n')).to.equal('OK Restarting');
    expect(await reply('GET USER anne\r\n', other)).to.equal('OK Success');
  });

  it('are free before EXIT is answered', async () => {
    const other = await server.login();
    for (let round = 0; round < 20; round += 1) {
      const first = await server.login();
      expect(await reply(apply({ name: 'user.anne' }), first)).to.equal('OK Success');
      expect(await reply('EXIT\r\n', first)).to.equal('OK Finished');
      expect(await reply('GET USER anne\r\n', other)).to.equal('OK Success');
      await reply('RESTART\r\n', other);
    }
  });

  it('are waited for: what is free within the lock timeout is no error', async () => {
    await server.stop();
    server = await TestServer.start({ backups: { lockTimeoutMs: 5000 } });
    client = await server.login();
    const other = await server.login();
    await reply(apply({ name: 'user.anne' }));
    const waiting = reply('GET USER anne\r\n', other);
    expect(await reply('RESTART\r\n')).to.equal('OK Restarting');
    expect(await waiting).to.equal('OK Success');
  });

  it('are LOCKED where another process holds one, and the session goes on', async () => {
    await reply(apply({ name: 'user.anne' }));
    await reply('RESTART\r\n');
    await whileLockedElsewhere(server.dataPath('anne'), async () => {
      expect(await reply('GET USER anne\r\n')).to.equal(LOCKED);
      expect(await reply(upload(message('meanwhile')))).to.equal('OK Success');
      expect(await reply(apply({ name: 'user.anne', bodies: [message('meanwhile')] }))).to.equal(LOCKED);
    });
    expect(await reply(apply({ name: 'user.anne', bodies: [message('meanwhile')] }))).to.equal('OK Success');
    expect(server.dataText('anne')).to.contain('about meanwhile.');
  });

  it('are free when the peer vanishes in mid-literal', async () => {
    await reply(apply({ name: 'user.anne' }));
    await client.send(Buffer.from('APPLY SUB %(USERID anne MBOXNAME {1000+}\r\nuser.'));
    client.close();
    const next = await server.login();
    await waitUntil(async () => (await reply('GET USER anne\r\n', next)) === 'OK Success', {
      timeoutMs: 5000,
      what: () => server.log.join('\n'),
    });
  });

  it('are given up by a peer that says nothing for long; the connection stays, and takes them again', async () => {
    const other = await server.login();
    await reply(apply({ name: 'user.anne' }));
    await waitUntil(async () => (await reply('GET USER anne\r\n', other)) === 'OK Success', {
      timeoutMs: 5000,
      what: () => server.log.join('\n'),
    });
    await reply('RESTART\r\n', other);
    expect(await reply(apply({ name: 'user.anne', bodies: [] }))).to.equal('OK Success');
  });

  it('are 32 at most, however many users a session goes through; the least recent is free first', async () => {
    const users = Array.from({ length: 40 }, (_, number) => `user${number}`);
    for (const user of users) {
      expect(await reply(apply({ name: `user.${user}` }))).to.equal('OK Success');
      expect(await reply('GET META user0\r\n')).to.equal('OK Success'); // stays recent
      expect(registeredFileCount()).to.be.at.most(32);
    }
    const other = await server.login();
    expect(await reply('GET USER user1\r\n', other)).to.equal('OK Success');
    expect(await reply('GET USER user0\r\n', other)).to.equal(LOCKED);
    expect(await reply('GET USER user39\r\n', other)).to.equal(LOCKED);
  });

  it('are made at last for a user whose first sync failed, at whatever sync: such a user could once never be backed up', async () => {
    for (let number = 1; number < 12; number += 1) {
      const name = `user.anne${number}`;
      const disk = WatchedDisk.watch();
      disk.failsSync = (at) => at === number;
      const said = await reply(apply({ name }));
      disk.end();
      expect(said, `sync ${number}`).to.be.oneOf(['NO IMAP_IOERROR System I/O error', 'OK Success']);
      await reply('RESTART\r\n');
      expect(await reply(apply({ name })), `after sync ${number}`).to.equal('OK Success');
    }
  });

  it('are begun again where an empty file is gone, which is logged', async () => {
    const path = server.catalog.create('anne');
    rmSync(path);
    expect(await reply(apply({ name: 'user.anne' }))).to.equal('OK Success');
    expect(server.dataPath('anne')).to.equal(path);
    expect(server.log.join('\n')).to.contain('anne: the data file was gone, and had held nothing');
  });

  it('are not begun again where a file with mail is gone: the session hears of it, and serves other users', async () => {
    await reply(apply({ name: 'user.anne' }));
    const path = server.dataPath('anne');
    await reply('RESTART\r\n');
    for (const suffix of ['', '.index', '.index-wal', '.index-shm']) rmSync(path + suffix, { force: true });
    expect(await reply(apply({ name: 'user.anne' }))).to.equal('NO IMAP_IOERROR System I/O error');
    expect(existsSync(path)).to.equal(false);
    expect(server.log.join('\n')).to.match(
      /the data file of anne is gone.*mail of the user has been backed up/,
    );
    expect(await reply(apply({ name: 'user.bethany' }))).to.equal('OK Success');
  });

  it('are opened nowhere but below the partitions, whatever backups.db says', async () => {
    const victim = join(server.folder, 'victim_ABCDEF');
    writeFileSync(victim, 'of somebody else');
    const database = Twoskip.open(join(server.folder, 'backups.db'));
    database.put('anne', victim);
    database.close();
    expect(await reply(apply({ name: 'user.anne' }))).to.equal('NO IMAP_IOERROR Backup is damaged');
    expect(readFileSync(victim, 'utf8')).to.equal('of somebody else');
    expect(await reply(apply({ name: 'user.bethany' }))).to.equal('OK Success');
  });

  it('a userid that cannot be one is refused, with no trace in the catalogue', async () => {
    for (const userid of ['../x', '.hidden', 'a/b']) {
      const { reply: said } = await client.exchange(`APPLY SUB %(USERID "${userid}" MBOXNAME user.anne)\r\n`);
      expect(said, userid).to.equal('NO IMAP_INVALID_USER Invalid userid');
    }
    expect(await reply('NOOP\r\n')).to.equal('OK Noop completed');
  });
});
