/**
 * Puts a backup server under attack. Measures the memory that the attack takes, and whether an
 * unrelated connection can work meanwhile. The limits are small, so that an attack soon exceeds
 * them.
 */
import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { BackupServer } from './backupdDaemon.ts';
import { SyncConnection } from './syncConnection.ts';

const CONF = `backup_max_command: 1M
backup_max_literal: 256K
backup_max_discard: 64M
backup_staging_memory: 1M
backup_login_timeout: 3s
backup_command_timeout: 3s
backup_release_timeout: 1s
sync_timeout: 3s
failedloginpause: 0s
`;

/**
 * Garbage that a busy JavaScript heap may hold before it is collected. Attacks send several times
 * as much.
 */
export const GARBAGE_MIB = 160;

export interface Toll {
  /** Commands of the other connection that were answered with OK meanwhile. */
  readonly rounds: number;
  /** Peak memory during the attack, less the memory before. */
  readonly growthMiB: number;
}

/** Warms the server up, so that the memory that it needs in any case is allocated already. */
export async function startVictim(extraConf = ''): Promise<BackupServer> {
  const backup = await BackupServer.start(CONF + extraConf);
  await underAttack(backup, () => sleep(300));
  return backup;
}

/**
 * Runs the attack while another connection works. Throws if a command of that connection is not
 * answered with OK.
 */
export async function underAttack(backup: BackupServer, attack: () => Promise<unknown>): Promise<Toll> {
  const bystander = await SyncConnection.login(backup.address);
  const before = residentMiB(backup);
  let most = before;
  let rounds = 0;
  const state = { isOver: false };
  const attacked = attack().finally(() => (state.isOver = true));
  do {
    const command = `APPLY SUB %(USERID bystander MBOXNAME user.bystander.${rounds % 10})\r\n`;
    expect((await bystander.exchange(command)).reply).to.equal('OK Success');
    rounds += 1;
    most = Math.max(most, residentMiB(backup));
    await sleep(10);
  } while (!state.isOver);
  bystander.close();
  await attacked;
  expect(backup.isRunning, backup.log).to.equal(true);
  expect(/^.*    at .*$/m.exec(backup.log)?.[0]).to.equal(undefined);
  return { rounds, growthMiB: most - before };
}

function residentMiB({ pid }: BackupServer): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) / 1024;
}
