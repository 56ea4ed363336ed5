import { expect } from 'chai';
import { StatusReader } from '../../src/status/statusReader.ts';
import { StatusWriter } from '../../src/status/statusWriter.ts';
import type { UserResults } from '../../src/status/types.ts';
import type { SyncConnection } from '../support/syncConnection.ts';
import { waitUntil } from '../support/machine.ts';
import { Backup } from '../../src/backup/backup.ts';
import { apply, message, upload } from './made.ts';
import { TestServer, plain } from './testServer.ts';
import { SyncConnection as Connection } from '../support/syncConnection.ts';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

describe('a round of a master', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rounds-'));
  const backupsDb = join(folder, 'backups.db');
  const failures: string[] = [];
  let status: StatusWriter;
  let server: TestServer;
  let client: SyncConnection;
  const body = message('one');

  beforeEach(async () => {
    rmSync(join(folder, 'status.db'), { force: true });
    status = StatusWriter.open(backupsDb, { warn: (text) => void failures.push(text) });
    server = await TestServer.start({ status });
    client = await server.login();
  });

  afterEach(async () => {
    await server.stop();
    status.close();
    expect(failures).to.deep.equal([]);
  });

  after(() => rmSync(folder, { recursive: true }));

  async function send(...commands: (string | Buffer)[]): Promise<string[]> {
    const replies: string[] = [];
    for (const command of commands) replies.push((await client.exchange(command)).reply);
    return replies;
  }

  function user(userid: string): UserResults {
    status.flush();
    const reader = StatusReader.open(backupsDb, (text) => void failures.push(text));
    const results = reader.readUser(userid);
    reader.close();
    return results;
  }

  const rounds = (): string[] =>
    server.log.filter((line) => line.includes(' sync ')).map((line) => line.replace(/^.*repluser: /, ''));

  it('is one line and one result, with what was stored', async () => {
    await send(upload(body), apply({ name: 'user.anne', bodies: [body] }), 'RESTART\r\n');
    expect(rounds()).to.have.length(1);
    expect(rounds()[0]).to.match(/^sync user=anne mailboxes=1 changed=1 new=1 bytes=\d+ ms=\d+$/);
    const { ok, failed } = user('anne');
    expect(ok.sync?.figures).to.include({ mailboxes: 1, changed: 1, new: 1, bytes: body.length, missing: 0 });
    expect(ok.sync?.master).to.equal('127.0.0.1');
    expect(failed.sync).to.equal(undefined);
    expect(ok.compare, 'only GET USER compares all').to.equal(undefined);
  });

  it('that finds nothing to send proves that the user is in step', async () => {
    await send(apply({ name: 'user.anne' }), 'RESTART\r\n');
    const before = user('anne').ok.sync?.at ?? 0;
    await send('GET USER anne\r\n', 'EXIT\r\n');
    const { ok } = user('anne');
    expect(ok.sync?.at).to.be.greaterThan(before);
    expect(ok.compare?.at).to.equal(ok.sync?.at);
    expect(rounds()[1]).to.match(/^sync user=anne mailboxes=1 changed=0 new=0 bytes=0 /);
  });

  it('of sync_client -A ends with the next GET USER, though there is no RESTART', async () => {
    await send(apply({ name: 'user.anne' }), apply({ name: 'user.bob' }), 'RESTART\r\n');
    await send('GET USER anne\r\n', 'GET USER bob\r\n');
    expect(rounds().slice(2)).to.have.length(1);
    expect(rounds()[2]).to.contain('user=anne');
    await send('EXIT\r\n');
    expect(rounds()[3]).to.contain('user=bob');
  });

  it('over several users is one line for each', async () => {
    await send(apply({ name: 'user.anne' }), apply({ name: 'user.bob.Sent' }), 'RESTART\r\n');
    await send('GET MAILBOXES (user.anne user.bob.Sent user.carl)\r\n', 'RESTART\r\n');
    expect(
      rounds()
        .slice(2)
        .map((line) => /user=(\w+)/.exec(line)?.[1]),
    ).to.deep.equal(['anne', 'bob']);
  });

  it('leaves no trace of a user without a backup', async () => {
    await send('GET USER carl\r\n', 'GET MAILBOXES (user.carl)\r\n', 'RESTART\r\n');
    expect(rounds()).to.deep.equal([]);
    expect(user('carl').ok).to.deep.equal({});
  });

  it('fails if a command is refused, with the reason, until a later round succeeds', async () => {
    await send(apply({ name: 'user.anne' }), 'RESTART\r\n');
    const path = server.dataPath('anne');
    const options = { stagingDirectory: folder, compressionLevel: 1, lockTimeoutMs: 0 };
    const held = await Backup.open('anne', path, options, () => undefined);
    expect(await send('GET USER anne\r\n', 'RESTART\r\n')).to.deep.equal([
      'NO IMAP_MAILBOX_LOCKED Mailbox locked',
      'OK Restarting',
    ]);
    await held.close();
    expect(rounds()[1]).to.match(/^sync failed user=anne .*: .*locked/);
    const { ok, failed } = user('anne');
    expect(failed.sync?.at).to.be.greaterThan(ok.sync?.at ?? Infinity);
    expect(failed.sync?.reason).to.contain('locked');
    await send('GET USER anne\r\n', 'RESTART\r\n');
    expect(user('anne').ok.sync?.at).to.be.greaterThan(failed.sync?.at ?? Infinity);
  });

  it('one locked user does not fail the others of the same command', async () => {
    await send(apply({ name: 'user.anne' }), apply({ name: 'user.bob' }), 'RESTART\r\n');
    const options = { stagingDirectory: folder, compressionLevel: 1, lockTimeoutMs: 0 };
    const held = await Backup.open('bob', server.dataPath('bob'), options, () => undefined);
    await send('GET MAILBOXES (user.anne user.bob)\r\n', 'RESTART\r\n');
    await held.close();
    expect(user('anne').failed.sync).to.equal(undefined);
    expect(user('bob').failed.sync?.reason).to.contain('locked');
  });

  it('does not fail because a mailbox is sent a second time', async () => {
    const made = { name: 'user.anne', bodies: [body] };
    const [first, , second] = await send(apply(made), upload(body), apply(made), 'RESTART\r\n');
    expect(first).to.contain('IMAP_SYNC_CHECKSUM');
    expect(second).to.equal('OK Success');
    expect(user('anne').failed.sync).to.equal(undefined);
  });

  it('fails if the connection breaks in the middle', async () => {
    await send(apply({ name: 'user.anne' }));
    client.socket.destroy();
    await waitUntil(() => server.logged('closed,'), { what: () => server.log.join('\n') });
    expect(user('anne').failed.sync?.reason).to.contain('connection ended');
  });

  it('names what is missing', async () => {
    await send('APPLY RESERVE %(PARTITION default MBOXNAME (user.anne) GUID ())\r\n');
    await send(apply({ name: 'user.anne', bodies: [body] }), apply({ name: 'user.anne', bodies: [body] }));
    await send('RESTART\r\n');
    expect(user('anne').ok.sync?.figures?.['missing']).to.equal(1);
  });

  it('tells that the account is gone, and follows a renamed user', async () => {
    await send(apply({ name: 'user.anne' }), 'APPLY UNUSER anne\r\n', 'RESTART\r\n');
    expect(user('anne').ok.gone?.at).to.equal(user('anne').ok.sync?.at);
    await send(apply({ name: 'user.bob' }), 'RESTART\r\n');
    const rename =
      'APPLY RENAME %(OLDMBOXNAME user.bob NEWMBOXNAME user.rob PARTITION default UIDVALIDITY 1)\r\n';
    await send(rename, 'RESTART\r\n');
    expect(user('bob').ok).to.deep.equal({});
    expect(user('rob').ok.sync?.at).to.be.greaterThan(0);
  });

  it('with RESTART shows a rolling sync_client, without it does not', async () => {
    await send('GET USER anne\r\n');
    status.flush();
    const reader = StatusReader.open(backupsDb, (text) => void failures.push(text));
    expect(reader.readMasters()[0]).to.include({ host: '127.0.0.1', rollingAt: undefined });
    await send('RESTART\r\n');
    status.flush();
    expect(reader.readMasters()[0]?.rollingAt).to.be.greaterThan(Date.now() / 1000 - 60);
    reader.close();
  });

  it('counts refusals by kind, and failed logins with name and reason, never a password', async () => {
    await send('APPLY NONSENSE %(A B)\r\n', 'RESTART\r\n');
    const stranger = await Connection.open(server.port);
    await stranger.exchange(`AUTHENTICATE PLAIN ${plain('mallory', 'guess')}\r\n`);
    await stranger.exchange(`AUTHENTICATE secret-in-the-wrong-place\r\n`);
    stranger.close();
    status.flush();
    const reader = StatusReader.open(backupsDb, (text) => void failures.push(text));
    const counters = reader.readCounters().map(({ name, label, value }) => `${name} ${label} ${value}`);
    reader.close();
    expect(counters).to.include.members(['refusals unknown-command 1', 'logins failed 2', 'logins ok 1']);
    const failed = server.log.filter((line) => line.includes('login failed'));
    expect(failed[0]).to.match(/127\.0\.0\.1:\d+: login failed: mallory: wrong name or password$/);
    expect(failed[1]).to.match(/: login failed: not an offered mechanism$/);
    expect(server.log.join('\n')).to.not.match(/guess|secret-in/);
  });
});
