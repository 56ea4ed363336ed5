/**
 * Compares the original restore with ours, on the same mail and the same server, timed side by
 * side. Then restores a whole server of many users; that run is killed half way and started again.
 *
 * COUNT=20000 sets the number of messages (default 4,000), USERS=200 the number of users (default
 * 20).
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BackupServer, runOurs } from '../support/backupdDaemon.ts';
import { CYRUS_BIN, CyrusMaster, asCyrus, cyrusEnv } from '../support/cyrus.ts';
import { Daemon, run, waitUntil } from '../support/machine.ts';
import { removeUser, restoreConf } from '../support/restoring.ts';
import { SyncConnection } from '../support/syncConnection.ts';
import { firstSync } from './firstSync.ts';

const COUNT = Number(process.env['COUNT'] ?? 4000);
const USERS = Number(process.env['USERS'] ?? 20);
const MESSAGES_A_USER = 50;
const BIN = new URL('../../bin/', import.meta.url).pathname;

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const start = process.hrtime.bigint();
  await work();
  return Number(process.hrtime.bigint() - start) / 1e9;
}

async function checked(command: string, args: readonly string[], env = process.env): Promise<void> {
  const { code, stdout, stderr } = await run(command, args, { env, timeoutMs: 1_800_000 });
  if (code !== 0)
    throw new Error(`${command} ${args.join(' ')}: exit code ${code}\n${stderr}${stdout}`.slice(0, 2000));
}

/** The checksum of a user's INBOX, as a server reports it to a master. */
async function checksum(
  port: number,
  login: { user: string; password: string },
  user: string,
): Promise<string> {
  const connection = await SyncConnection.login({ ...login, port });
  const { untagged } = await connection.exchange(`GET USER ${user}\r\n`);
  connection.close();
  return /LAST_UID \d+/.exec(untagged.join(''))?.[0] + ' ' + /SYNC_CRC \d+/.exec(untagged.join(''))?.[0];
}

const backup = await BackupServer.start();
const master = await CyrusMaster.start({ withBackupd: true });
try {
  const { syncServer } = master;
  const conf = restoreConf(backup, syncServer);
  const server = `127.0.0.1:${syncServer.port}`;
  await firstSync(backup.address, 'bench', COUNT);
  await firstSync(master.originalBackupd, 'bench', COUNT);
  const theirConf = join(master.folder, 'restore.conf');
  const login = [
    `sync_authname: ${syncServer.user}`,
    `sync_password: ${syncServer.password}`,
    'sync_try_imap: no',
  ];
  writeFileSync(theirConf, `@include: ${join(master.folder, 'imapd.conf')}\n${login.join('\n')}\n`);
  const ours = (): Promise<void> => checked(join(BIN, 'restore'), ['-C', conf, '-a', '-U', server, 'bench']);
  const theirs = (): Promise<void> =>
    checked(
      ...asCyrus(`${CYRUS_BIN}/restore`, ['-C', theirConf, '-a', '-U', server, '-u', 'bench']),
      cyrusEnv,
    );
  console.log(`one user, ${COUNT} messages, seconds`);
  for (const round of [1, 2]) {
    const our = await seconds(ours);
    const again = await seconds(ours);
    await removeUser(master, 'bench');
    const their = await seconds(theirs);
    await removeUser(master, 'bench');
    const ratio = (their / our).toFixed(2);
    console.log(
      `run ${round}: ours ${our.toFixed(1)}, the original ${their.toFixed(1)}, ratio ${ratio}; ours again ${again.toFixed(2)}`,
    );
  }

  const names = Array.from({ length: USERS }, (_, index) => `u${index}`);
  for (const [index, name] of names.entries())
    await firstSync(backup.address, name, MESSAGES_A_USER, 100 + index);
  const args = ['-C', conf, '-U', '--all-users', '--jobs', '4', server];
  const first = new Daemon(join(BIN, 'restore'), args);
  const done = (): number => first.output.match(/: created/g)?.length ?? 0;
  await waitUntil(() => done() >= USERS / 2, { timeoutMs: 600_000, what: () => first.output });
  await first.stop('SIGKILL');
  const whole = await seconds(() => checked(join(BIN, 'restore'), args));
  let equal = 0;
  for (const name of names) {
    const ourSum = await checksum(backup.address.port, backup.address, name);
    if ((await checksum(syncServer.port, syncServer, name)) === ourSum) equal += 1;
  }
  const again = await seconds(() => runOurs('restore', args, 600_000));
  console.log(
    `${USERS} users, killed after half of them: the second run ${whole.toFixed(1)} s, ${equal} equal, a third ${again.toFixed(1)} s`,
  );
} finally {
  await master.stop();
  await backup.stop();
}
