/**
 * `node dist/test/soak/fiftyMasters.soak.js [clients] [users]`: runs this many real sync_clients at
 * once against one backupd, each with its share of the users. Prints the time taken, backupd's
 * memory, and the result of verify. Exit code 1 if anything went wrong. Default: 50 clients, 1,000
 * users.
 */
import { readFileSync } from 'node:fs';
import { BackupServer, runOurs } from '../support/backupdDaemon.ts';
import { CyrusMaster } from '../support/cyrus.ts';
import { message } from '../support/mailboxes.ts';

const clients = Number(process.argv[2] ?? 50);
const count = Number(process.argv[3] ?? 1000);
const users = Array.from({ length: count }, (_, number) => `user${number}`);

const master = await CyrusMaster.start();
const backup = await BackupServer.start();
try {
  const admin = await master.admin();
  for (const [number, user] of users.entries()) {
    await admin.create(`user/${user}`, `user/${user}/Archive`);
    await admin.command('SETACL', `user/${user}`, 'admin', 'lrswipkxtecda');
    for (let n = 0; n < 3; n += 1) {
      await admin.append(`user/${user}`, message(number * 10 + n, 'line\r\n'.repeat((number * 7) % 999)));
    }
  }
  admin.close();
  for (const round of ['first', 'second']) {
    const started = Date.now();
    const runs = await Promise.all(
      Array.from({ length: clients }, (_, client) => {
        const share = users.filter((__, number) => number % clients === client);
        return master.syncClient(['-u', ...share], backup.address, 600_000);
      }),
    );
    const failed = runs.filter(({ code }) => code !== 0);
    process.stdout.write(
      `${round} run: ${clients} clients, ${count} users, ${(Date.now() - started) / 1000} s, ${failed.length} failed\n`,
    );
    for (const { stderr } of failed.slice(0, 3)) process.stdout.write(`  ${stderr}\n`);
    if (failed.length > 0) process.exitCode = 1;
  }
  const peak = /VmHWM:\s*(\d+) kB/.exec(readFileSync(`/proc/${backup.pid}/status`, 'latin1'))?.[1];
  process.stdout.write(`backupd held ${Math.round(Number(peak) / 1024)} MiB at most\n`);
  const { code, stdout } = await runOurs('ctl_backups', ['-C', backup.conf, 'verify', '-A'], 600_000);
  const fine = stdout.split('\n').filter((line) => line.endsWith(': ok')).length;
  process.stdout.write(`verify -A: exit code ${code}, ${fine} ok\n`);
  if (code !== 0 || fine !== count) process.exitCode = 1;
} finally {
  await Promise.all([master.stop(), backup.stop()]);
}
