/**
 * `node dist/test/soak/convergence.soak.js [seconds] [seed]`: runs a random workload on a real
 * master with a rolling sync_client, and then checks that our state is the master's. Exit code 1 if
 * it is not. Default: an hour.
 */
import { BackupServer } from '../support/backupdDaemon.ts';
import { differences } from '../support/convergence.ts';
import { CyrusMaster } from '../support/cyrus.ts';
import { waitUntil, type Daemon } from '../support/machine.ts';
import { Workload } from '../support/workload.ts';

const seconds = Number(process.argv[2] ?? 3600);
const seed = Number(process.argv[3] ?? 1);
const users = ['anne', 'bethany', 'carl', 'dora', 'emil'];

const master = await CyrusMaster.start({ extraConf: 'allowusermoves: yes\n' });
const backup = await BackupServer.start();
let rolling: Daemon = master.rolling(backup.address);
let restarts = 0;
const workload = new Workload(master, seed, users);
try {
  for (const user of users) await master.createUser(user);
  const end = Date.now() + seconds * 1000;
  while (Date.now() < end) {
    await workload.run(Math.min(end, Date.now() + 10_000));
    // sync_client gives up if the user that it replicates is renamed meanwhile; master(8) restarts
    // it.
    if (rolling.hasExited) {
      restarts += 1;
      process.stdout.write(`sync_client -r ended and is started again:\n${rolling.output.slice(-400)}\n`);
      rolling = master.rolling(backup.address);
    }
  }
  workload.close();
  await waitUntil(
    () => {
      if (rolling.hasExited) rolling = master.rolling(backup.address);
      return master.hasCaughtUp();
    },
    { timeoutMs: 600_000, what: () => rolling.output.slice(-2000) },
  );
  await rolling.stop();
  for (const [name, { done, refused }] of workload.counts) {
    process.stdout.write(
      `${name.padEnd(20)} ${String(done).padStart(7)} done ${String(refused).padStart(7)} refused\n`,
    );
  }
  const found = await differences(master, backup, workload.users);
  const noticed = backup.log.split('\n').filter((line) => /refused|differs|asked for again/.test(line));
  process.stdout.write(`${restarts} restarts of sync_client, ${noticed.length} notices of backupd\n`);
  for (const line of noticed.slice(0, 20)) process.stdout.write(`  ${line}\n`);
  process.stdout.write(`${found.length} differences after ${seconds} s with seed ${seed}\n`);
  for (const line of found) process.stdout.write(`  ${line}\n`);
  process.exitCode = found.length === 0 ? 0 : 1;
} finally {
  workload.close();
  await rolling.stop();
  await Promise.all([master.stop(), backup.stop()]);
}
