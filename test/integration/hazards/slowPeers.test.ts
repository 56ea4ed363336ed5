import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BackupServer } from '../../support/backupdDaemon.ts';
import { waitUntil } from '../../support/machine.ts';
import { SyncConnection } from '../../support/syncConnection.ts';
import { GARBAGE_MIB, startVictim, underAttack } from '../../support/underAttack.ts';
import { message, upload } from '../../server/made.ts';

const LOCK = 'APPLY SUB %(USERID anne MBOXNAME user.anne)\r\n';

describe('hazard: a peer that', function () {
  this.timeout(60_000);
  let backup: BackupServer;

  before(async () => {
    backup = await startVictim();
  });

  after(async () => {
    await backup?.stop();
  });

  /** A session that holds the lock of anne's backup; `hold` is what it does then. */
  async function expectLockIsFree(hold: (peer: SyncConnection) => Promise<unknown>): Promise<void> {
    const peer = await SyncConnection.login(backup.address);
    expect((await peer.exchange(LOCK)).reply).to.equal('OK Success');
    const doing = hold(peer).catch(() => undefined);
    const other = await SyncConnection.login(backup.address);
    const { growthMiB } = await underAttack(backup, async () => {
      // It waits for the lock for up to five seconds, and gets it after one.
      expect((await other.exchange(LOCK)).reply).to.equal('OK Success');
    });
    expect(growthMiB).to.be.lessThan(GARBAGE_MIB);
    const before = backup.log.length;
    await waitUntil(() => /waited for 3 s, closing/.test(backup.log.slice(before)), {
      what: () => backup.log,
    });
    other.close();
    peer.close();
    await doing;
  }

  it('says nothing keeps no lock, and its connection not for ever', async () => {
    await expectLockIsFree(() => Promise.resolve());
  });

  it('sends a message byte by byte keeps no lock, and its connection not for ever', async () => {
    await expectLockIsFree(async (peer) => {
      for (const byte of upload(message('drop by drop').repeat(50))) {
        await peer.send(Buffer.from([byte]));
        await sleep(20);
      }
    });
  });

  it('sends a command byte by byte keeps no lock, and its connection not for ever', async () => {
    await expectLockIsFree(async (peer) => {
      for (const letter of LOCK.repeat(20).replaceAll('\r\n', ' ')) {
        await peer.send(letter);
        await sleep(20);
      }
    });
  });

  it('opens a literal and never fills it keeps no lock, and its connection not for ever', async () => {
    await expectLockIsFree((peer) => peer.send('APPLY SUB %(USERID {200000+}\r\nabc'));
  });

  it('ends half of the connection in the middle of a command is done with at once', async () => {
    const peer = await SyncConnection.login(backup.address);
    await peer.send('APPLY SUB %(USERID bethany MBOXNAME user.beth');
    expect(await peer.finish(5000)).to.deep.equal([]);
    expect(await backup.dataFile('bethany')).to.equal(undefined);
  });

  it('does not read its answers costs no memory, and not its lock', async () => {
    const first = await SyncConnection.login(backup.address);
    const big = `APPLY MAILBOX %(UNIQUEID id-big MBOXNAME user.anne.big LAST_UID 0 HIGHESTMODSEQ 1 RECENTUID 0 RECENTTIME 0
 LAST_APPENDDATE 0 POP3_LAST_LOGIN 0 UIDVALIDITY 1 PARTITION default ACL "" OPTIONS P SYNC_CRC 0 NOTES "${'n'.repeat(200_000)}" RECORD ())`;
    expect((await first.exchange(`${big.replaceAll('\n', '')}\r\n`)).reply).to.equal('OK Success');
    expect((await first.exchange('EXIT\r\n')).reply).to.match(/^OK /);
    const deaf = await SyncConnection.login(backup.address);
    deaf.socket.pause();
    const { growthMiB } = await underAttack(backup, async () => {
      // Two gigabytes of answers.
      await deaf.send('GET MAILBOXES (user.anne.big)\r\n'.repeat(10_000)).catch(() => undefined);
      await waitUntil(() => /repluser: closed, \d+ commands, 0 refused/.test(backup.log.slice(-400)), {
        what: () => backup.log,
      });
    });
    expect(growthMiB).to.be.lessThan(GARBAGE_MIB);
    const other = await SyncConnection.login(backup.address);
    expect((await other.exchange(LOCK)).reply).to.equal('OK Success');
    other.close();
    deaf.close();
  });
});
