/**
 * Debian's sync_client, logging in to our backupd in every way that both know: how it decides for STARTTLS, what it picks of what
 * is offered, its certificate as EXTERNAL, TLS from the first byte. Each time mail arrives, and is what the master holds.
 */
import { expect } from 'chai';
import { chmodSync, rmSync } from 'node:fs';
import { BackupServer } from '../support/backupdDaemon.ts';
import { Authority } from '../support/certificates.ts';
import type { Certificate } from '../support/certificates.ts';
import { CyrusMaster } from '../support/cyrus.ts';
import type { SyncServer } from '../support/cyrus.ts';
import { makeFolder } from '../support/machine.ts';
import { appendMessages } from '../support/mailboxes.ts';
import { cyrusRequirements, needs } from '../support/needs.ts';
import { backedUp, onMaster } from '../support/records.ts';

/** Long enough to see that it did not get in; it would try again for ever. */
const REFUSED_AFTER_MS = 3000;

describe('sync_client logs in', function () {
  this.timeout(60_000);

  let folder: string;
  let master: CyrusMaster;
  let tls: BackupServer;
  let fromStart: BackupServer;
  let open: BackupServer;
  let client: Certificate;
  let stranger: Certificate;
  let messages = 0;

  before(async function () {
    needs(this, ...cyrusRequirements);
    folder = makeFolder('certificates');
    const ca = new Authority(folder);
    const own = ca.issue('server', '/CN=localhost');
    client = ca.issue('client', '/O=Example/CN=repluser');
    stranger = new Authority(folder, 'other').issue('stranger', '/CN=repluser');
    for (const { key } of [client, stranger]) chmodSync(key, 0o644);
    const certificate = `tls_server_cert: ${own.cert}\ntls_server_key: ${own.key}\ntls_client_ca_file: ${ca.cert}\n`;
    const closed =
      'backupd_allowplaintext: no\nbackupd_sasl_mech_list: EXTERNAL SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN\n';
    [master, tls, fromStart, open] = await Promise.all([
      CyrusMaster.start(),
      BackupServer.start(`${certificate}${closed}tls_required: yes\n`),
      BackupServer.start(certificate + closed, true),
      BackupServer.start(closed),
    ]);
    await master.createUser('anne');
  });

  after(async () => {
    await Promise.all([master?.stop(), tls?.stop(), fromStart?.stop(), open?.stop()]);
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  /** One more message is replicated; the lines that the server logged meanwhile. */
  async function sync(backup: BackupServer, ...clientConf: string[]): Promise<string> {
    return syncTo(backup, { ...backup.address, clientConf });
  }

  async function syncTo(backup: BackupServer, server: SyncServer): Promise<string> {
    const imap = await master.imap('anne');
    await appendMessages(imap, 'INBOX', (messages += 1), 1);
    imap.close();
    const before = backup.log.length;
    const { code, stdout, stderr } = await master.syncClient(['-u', 'anne'], server);
    expect(code, stdout + stderr + backup.log).to.equal(0);
    expect(await backedUp(backup, 'anne')).to.deep.equal(await onMaster(master, 'anne'));
    return backup.log.slice(before);
  }

  async function refused(backup: BackupServer, ...clientConf: string[]): Promise<string> {
    const before = backup.log.length;
    const server = { ...backup.address, clientConf };
    const { code } = await master.syncClient(['-u', 'anne'], server, REFUSED_AFTER_MS);
    expect(code).to.not.equal(0);
    return backup.log.slice(before);
  }

  it('with STARTTLS where nothing is offered without, and then picks SCRAM by itself', async () => {
    const log = await sync(tls);
    expect(log).to.match(/TLSv1\.3 with \S+ \(\d+ bits\), no client certificate/);
    expect(log).to.match(/repluser logged in with SCRAM-SHA-256 over TLS/);
  });

  for (const mechanism of ['SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN', 'LOGIN']) {
    it(`with ${mechanism} over TLS`, async () => {
      const log = await sync(tls, `force_sasl_client_mech: ${mechanism}`);
      expect(log).to.include(`repluser logged in with ${mechanism} over TLS`);
    });
  }

  it('with its certificate', async () => {
    const files = [`tls_client_cert: ${client.cert}`, `tls_client_key: ${client.key}`];
    const log = await sync(tls, ...files, 'force_sasl_client_mech: EXTERNAL');
    expect(log).to.include('repluser logged in with EXTERNAL over TLS');
  });

  it('not with a certificate of somebody else’s authority', async () => {
    const files = [`tls_client_cert: ${stranger.cert}`, `tls_client_key: ${stranger.key}`];
    const log = await refused(tls, ...files, 'force_sasl_client_mech: EXTERNAL');
    expect(log).to.include("the client's certificate is not good");
    expect(log).to.not.include('logged in');
  });

  it('with TLS from the first byte, where sync_host says host:port/tls', async () => {
    const { address } = fromStart;
    const log = await syncTo(fromStart, { ...address, host: `127.0.0.1:${address.port}/tls` });
    expect(log).to.include('repluser logged in with SCRAM-SHA-256 over TLS');
  });

  for (const mechanism of ['SCRAM-SHA-256', 'SCRAM-SHA-1']) {
    it(`with ${mechanism} where there is no TLS`, async () => {
      const log = await sync(open, `force_sasl_client_mech: ${mechanism}`);
      expect(log).to.match(new RegExp(`repluser logged in with ${mechanism}$`, 'm'));
    });
  }

  it('not with PLAIN where there is no TLS', async () => {
    const log = await refused(open, 'force_sasl_client_mech: PLAIN');
    expect(log).to.not.include('logged in');
  });
});
