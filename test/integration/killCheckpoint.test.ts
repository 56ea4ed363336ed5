/**
 * A checkpoint copies the write-ahead log into the index in another thread. backupd is killed while
 * it does that: what was acknowledged must be in the index that the next process opens.
 */
import { expect } from 'chai';
import { BackupServer, runOurs } from '../support/backupdDaemon.ts';
import { waitUntil } from '../support/machine.ts';
import { SyncConnection } from '../support/syncConnection.ts';

const KILLS = 4;
const UIDS = '1:3,5:7,'.repeat(2048);
/** A checkpoint follows 2,048 statements in the index. Each of these commands takes 4 or 5. */
const COMMANDS_BEFORE = 440;

describe('kill -9 of backupd while it checkpoints', function () {
  this.timeout(120_000);
  let backup: BackupServer;
  let acknowledged = 0;

  before(async () => {
    backup = await BackupServer.start();
  });
  after(() => backup?.stop());

  /** Sends commands until the connection breaks. */
  async function sendOn(connection: SyncConnection): Promise<void> {
    for (;;) {
      const seen = `UNIQUEID u${acknowledged} LASTREAD ${acknowledged} SEENUIDS ${UIDS}`;
      const { reply } = await connection.exchange(`APPLY SEEN %(USERID anne ${seen})\r\n`);
      expect(reply).to.equal('OK Success');
      acknowledged += 1;
    }
  }

  it(`loses nothing that was acknowledged, ${KILLS} times, and verify says ok`, async () => {
    for (let kill = 1; kill <= KILLS; kill += 1) {
      const connection = await SyncConnection.login(backup.address);
      const until = acknowledged + COMMANDS_BEFORE + 5 * kill;
      const broken = sendOn(connection).catch((error: Error) => error);
      await waitUntil(() => acknowledged >= until, { timeoutMs: 30_000, what: () => backup.log });
      await backup.kill();
      expect(await broken)
        .to.be.an('error')
        .with.property('name')
        .not.equal('AssertionError');
      await backup.startAgain();
      const again = await SyncConnection.login(backup.address);
      const { untagged } = await again.exchange('GET META anne\r\n');
      const held = new Set(untagged.map((line) => /UNIQUEID (u\d+) /.exec(line)?.[1]));
      const lost = Array.from({ length: acknowledged }, (_, at) => `u${at}`).filter((id) => !held.has(id));
      expect(lost).to.deep.equal([]);
      await again.exchange('EXIT\r\n');
      again.close();
      const { code, stdout, stderr } = await runOurs('ctl_backups', ['-C', backup.conf, 'verify', 'anne']);
      expect(code, stdout + stderr).to.equal(0);
    }
    expect(acknowledged).to.be.greaterThan(KILLS);
  });
});
