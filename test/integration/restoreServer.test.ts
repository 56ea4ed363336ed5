/**
 * A lost server: all of its users come back to a new one, side by side; the restore is killed half way and started again. And
 * what can go wrong on the way: TLS, compression, a damaged message, a server that is away.
 */
import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { openSync, closeSync, readFileSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { BackupServer, runOurs } from '../support/backupdDaemon.ts';
import { CyrusMaster } from '../support/cyrus.ts';
import { Daemon, freePorts, waitUntil } from '../support/machine.ts';
import { appendMessages } from '../support/mailboxes.ts';
import { cyrusRequirements, needs } from '../support/needs.ts';
import { Restorer, difference, removeUser, stateOf, total } from '../support/restoring.ts';

const USERS = ['anne', 'bethany', 'carl', 'demi', 'emil', 'fay@example.com'];

describe('restore of a lost server', function () {
  this.timeout(120_000);

  let lost: CyrusMaster;
  let fresh: CyrusMaster;
  let backup: BackupServer;
  let restorer: Restorer;
  const truth = new Map<string, string[]>();

  before(async function () {
    needs(this, ...cyrusRequirements);
    backup = await BackupServer.start();
    const folder = backup.folder;
    const files = ['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')];
    const request = [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=localhost',
      ...files,
    ];
    execFileSync('openssl', [...request, '-addext', 'subjectAltName=DNS:localhost'], { stdio: 'ignore' });
    execFileSync('chmod', ['a+rx', folder]);
    execFileSync('chmod', ['a+r', join(folder, 'key.pem'), join(folder, 'cert.pem')]);
    const tls = `tls_server_cert: ${folder}/cert.pem\ntls_server_key: ${folder}/key.pem\n`;
    // Only imapd's: the tests themselves log in to sync_server with PLAIN.
    const mechanisms = 'imap_sasl_mech_list: SCRAM-SHA-256\n';
    [lost, fresh] = await Promise.all([
      CyrusMaster.start(),
      CyrusMaster.start({ extraConf: tls + mechanisms }),
    ]);
    restorer = new Restorer(backup, fresh.syncServer);
    for (const user of USERS) {
      await lost.createUser(user);
      const client = await lost.imap(user);
      await client.create('INBOX/Work', 'INBOX/Work/2024');
      await appendMessages(client, 'INBOX', 1, 20);
      await appendMessages(client, 'INBOX/Work/2024', 50, 20);
      await client.expunge('INBOX', '3:5');
      client.close();
    }
    const { code, stdout, stderr } = await lost.syncClient(['-A'], backup.address);
    expect(code, stdout + stderr).to.equal(0);
    for (const user of USERS) truth.set(user, await stateOf(lost, user));
  });

  after(async () => {
    await Promise.all([lost?.stop(), fresh?.stop(), backup?.stop()]);
  });

  it('is killed half way, started again, and all users are what they were', async () => {
    const args = [
      '-C',
      restorer.conf,
      '-U',
      '--all-users',
      '--jobs',
      '2',
      `127.0.0.1:${fresh.syncServer.port}`,
    ];
    const first = new Daemon(new URL('../../bin/restore', import.meta.url).pathname, args);
    const created = (): number => first.output.match(/: created/g)?.length ?? 0;
    await waitUntil(() => created() >= USERS.length, { what: () => first.output });
    await first.stop('SIGKILL');
    const second = await runOurs('restore', args);
    expect(second.code, second.stderr).to.equal(0);
    expect(second.stdout).to.match(
      new RegExp(`restored: ${USERS.length} users, ${USERS.length * 3} mailboxes, .* 0 failed`),
    );
    for (const user of USERS)
      expect(difference(truth.get(user) ?? [], await stateOf(fresh, user)), user).to.deep.equal([]);
    const third = await runOurs('restore', args);
    expect(third.stdout).to.contain(' 0 created, 0 messages added');
  });

  it('a domain is a part of a server', async () => {
    const plan = await restorer.run('-n', '--domain', 'example.com', `127.0.0.1:${fresh.syncServer.port}`);
    expect(plan.stdout).to.contain('fay@example.com').and.to.contain('would restore: 1 user, 3 mailboxes');
  });

  for (const [name, port] of [
    ['imapd', () => fresh.imapPort],
    ['sync_server', () => fresh.syncServer.port],
  ] as const) {
    it(`TLS and compression with ${name}: its certificate counts`, async () => {
      const cert = join(backup.folder, 'cert.pem');
      const secure = await restorer.report('--tls-ca', cert, '-a', '-U', `localhost:${port()}`, 'anne');
      expect(total(secure, 'skipped')).to.equal(37);
      const other = await restorer.run('--tls-ca', cert, '-a', '-U', `127.0.0.1:${port()}`, 'anne');
      expect([other.code, /certificate/.test(other.stderr)], other.stderr).to.deep.equal([77, true]);
      // sync_server offers compression only where there is no TLS.
      const compressed = ['-z', '--no-tls', '--into', `From ${name}`, '-a', `localhost:${port()}`, 'anne'];
      expect(total(await restorer.report(...compressed), 'added')).to.equal(37);
    });
  }

  it('SCRAM is enough for a login without TLS, and a wrong password is told', async () => {
    const plan = await restorer.report('-n', '--no-tls', '-a', '-U', `127.0.0.1:${fresh.imapPort}`, 'anne');
    expect(total(plan, 'skipped')).to.equal(37);
  });

  it('a message that is damaged in the backup is named, and costs nobody else', async () => {
    const path = (await backup.dataFile('bethany')) ?? '';
    const copy = `${path}.copy`;
    writeFileSync(copy, readFileSync(path));
    writeFileSync(`${copy}.index`, readFileSync(`${path}.index`));
    const fd = openSync(copy, 'r+');
    writeSync(fd, Buffer.alloc(40, 0x55), 0, 40, Math.floor(statSync(copy).size / 8));
    closeSync(fd);
    const server = `127.0.0.1:${fresh.syncServer.port}`;
    const intact = await restorer.run('--into', 'Damaged', '-a', server, '-f', copy);
    expect(intact.code, 'a server that has the messages needs none from here').to.equal(0);
    await removeUser(fresh, 'bethany');
    const run = await restorer.run('-a', '-U', server, '-f', copy);
    expect(run.code).to.equal(75);
    expect(run.stderr).to.match(/bethany.*UID \d+ \(\w{40}\): /);
    expect(run.stdout).to.match(/restored: 1 user, 3 mailboxes, 3 created, .* [1-9]\d* failed/);
  });

  it('a server that is away, a wrong password and a user without a backup are said so', async () => {
    const [port = 0] = await freePorts(1);
    const away = await restorer.run('-a', `127.0.0.1:${port}`, 'anne');
    expect([away.code, away.stderr.includes('ECONNREFUSED')], away.stderr).to.deep.equal([69, true]);
    const wrong = join(backup.folder, 'wrong');
    writeFileSync(wrong, 'wrong\n');
    const server = `127.0.0.1:${fresh.imapPort}`;
    const login = await restorer.run('--password-file', wrong, '-a', server, 'anne');
    expect([login.code, /login with/.test(login.stderr)], login.stderr).to.deep.equal([77, true]);
    const nobody = await restorer.run('-a', server, 'nobody');
    expect([nobody.code, nobody.stderr]).to.deep.equal([67, 'restore: nobody: no such backup\n']);
  });
});
