/** A few seconds of what test/soak/convergence.soak.ts does for an hour, always with the same seed. */
import { expect } from 'chai';
import { BackupServer } from '../support/backupdDaemon.ts';
import { differences } from '../support/convergence.ts';
import { CyrusMaster } from '../support/cyrus.ts';
import { waitUntil } from '../support/machine.ts';
import { cyrusRequirements, needs } from '../support/needs.ts';
import { Workload } from '../support/workload.ts';

describe('after 500 random changes on a real master with rolling replication', function () {
  this.timeout(180_000);

  it('our state of every mailbox is the master`s, our CRCs are its own, and it has nothing to send', async function () {
    needs(this, ...cyrusRequirements);
    const [master, backup] = await Promise.all([
      CyrusMaster.start({ extraConf: 'allowusermoves: yes\n' }),
      BackupServer.start(),
    ]);
    const users = ['anne', 'bethany', 'carl'];
    const workload = new Workload(master, 20_261_123, users);
    const rolling = master.rolling(backup.address);
    try {
      for (const user of users) await master.createUser(user);
      for (let step = 0; step < 500; step += 1) await workload.step();
      workload.close();
      await waitUntil(() => master.hasCaughtUp(), { timeoutMs: 60_000, what: () => rolling.output });
      await rolling.stop();
      expect(await differences(master, backup, workload.users)).to.deep.equal([]);
    } finally {
      workload.close();
      await rolling.stop();
      await Promise.all([master.stop(), backup.stop()]);
    }
  });
});
