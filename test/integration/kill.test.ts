/**
 * OK means on disk. backupd is killed 100 times while a real sync_client talks to it; each time what had been
 * acknowledged (the proxy saw OK for an APPLY MAILBOX) must be in the backup that the next process opens.
 */
import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { BackupServer, runOurs } from '../support/backupdDaemon.ts';
import { CyrusMaster, type SyncServer } from '../support/cyrus.ts';
import { appendMessages, message } from '../support/mailboxes.ts';
import { cyrusRequirements, needs } from '../support/needs.ts';
import { LoggingProxy, type Exchange } from '../support/proxy.ts';
import { backedUp, mailboxNameOf, onMaster, recordsOf } from '../support/records.ts';

const KILLS = 100;
const FILLER = 'A line of a message that takes its time to be sent.\r\n'.repeat(4000);

interface Acknowledged {
  readonly mailbox: string;
  readonly uid: string;
  readonly guid: string;
}

/** The records of each APPLY MAILBOX that was answered OK. */
function acknowledgedIn(exchanges: readonly Exchange[]): Acknowledged[] {
  const taken = exchanges.filter(
    ({ command, reply }) => command.startsWith('APPLY MAILBOX ') && reply?.startsWith('OK'),
  );
  return taken.flatMap(({ command }) => {
    const mailbox = mailboxNameOf(command);
    return Object.entries(recordsOf(command)).map(([uid, { guid }]) => ({ mailbox, uid, guid }));
  });
}

describe('kill -9 of backupd at any moment of a sync', function () {
  this.timeout(300_000);

  let master: CyrusMaster;
  let backup: BackupServer;
  let proxy: LoggingProxy;
  let server: SyncServer;

  before(async function () {
    needs(this, ...cyrusRequirements);
    [master, backup] = await Promise.all([CyrusMaster.start(), BackupServer.start()]);
    proxy = await LoggingProxy.start(backup.address.port);
    server = { ...backup.address, port: proxy.port };
    await master.createUser('anne');
  });

  after(async () => {
    await proxy?.stop();
    await Promise.all([master?.stop(), backup?.stop()]);
  });

  /** How long a sync takes on this machine, now. */
  async function syncMs(): Promise<number> {
    const started = Date.now();
    await master.syncClient(['-u', 'anne'], server);
    await proxy.take();
    return Date.now() - started;
  }

  /** One sync, killed after the delay; what was said until then. */
  async function killedSync(delayMs: number): Promise<Exchange[]> {
    const syncing = master.startSyncClient(['-u', 'anne'], server);
    await sleep(delayMs);
    await backup.kill();
    // It would try to connect again for a long time.
    await syncing.stop('SIGKILL');
    return proxy.take();
  }

  it(`loses nothing that was acknowledged, ${KILLS} times, and then the next sync completes and verify says ok`, async () => {
    const client = await master.imap('anne');
    await client.create('INBOX/Archive');
    await appendMessages(client, 'INBOX', KILLS * 10, 3);
    const spreadMs = (await syncMs()) * 1.2;
    let interrupted = 0;
    const acknowledged: Acknowledged[] = [];
    const lost: Acknowledged[] = [];
    for (let round = 0; round < KILLS; round += 1) {
      await appendMessages(client, 'INBOX', round * 10, 3);
      await client.append('INBOX/Archive', message(round, FILLER));
      // Spread evenly over what such a sync takes; 37 has no common factor with 100.
      const exchanges = await killedSync((((round * 37) % KILLS) / KILLS) * spreadMs);
      if (exchanges.at(-1)?.command !== 'EXIT') interrupted += 1;
      await backup.startAgain();
      proxy.pointAt(backup.address.port);
      acknowledged.push(...acknowledgedIn(exchanges));
      const ours = await backedUp(backup, 'anne');
      lost.push(...acknowledged.filter(({ mailbox, uid, guid }) => ours.get(mailbox)?.[uid]?.guid !== guid));
    }
    client.close();
    expect(lost, 'acknowledged, but not there').to.deep.equal([]);
    expect(acknowledged.length, 'records acknowledged by processes that were killed').to.be.greaterThan(
      KILLS,
    );
    expect(interrupted, 'syncs that the kill really interrupted').to.be.greaterThan(KILLS / 4);

    const { code, stdout, stderr } = await master.syncClient(['-u', 'anne'], server);
    expect(code, `${stdout}${stderr}${backup.log}`).to.equal(0);
    expect(await backedUp(backup, 'anne')).to.deep.equal(await onMaster(master, 'anne'));
    const verified = await runOurs('ctl_backups', ['-C', backup.conf, '-v', 'verify', '-u', 'anne']);
    expect(verified.code, verified.stdout + verified.stderr).to.equal(0);
  });
});
