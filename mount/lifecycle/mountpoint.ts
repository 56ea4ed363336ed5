/**
 * Ensures that a mountpoint can be used: it must be a folder without a mount of this program, and
 * empty unless `nonempty` is given. If the process of an earlier mount has died, that mount is
 * unmounted first. Otherwise the kernel would stack the new mount over the dead one, which would
 * reappear at the next unmount.
 */
import { readdir, realpath, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { BackupError, asBackupError } from '../../src/errors.ts';
import { runCommand } from './command.ts';
import { findMount, isOurs } from './mountTable.ts';
import { unmountLazily } from './unmount.ts';

const ALIVE_TIMEOUT_MS = 5000;

/**
 * Checks the mountpoint and returns its absolute path without symbolic links, as in the mount
 * table. Also refuses a mountpoint that is inside a folder of the store (`store`) or contains one.
 */
export async function prepareMountpoint(
  path: string,
  nonempty: boolean,
  store: readonly string[],
  log: (line: string) => void,
): Promise<string> {
  const mountpoint = await realpath(path).catch(() => resolve(path));
  for (const folder of store) {
    const real = await realpath(folder).catch(() => resolve(folder));
    if (isWithin(real, mountpoint)) throw refusal(mountpoint, `would hide the backups in ${folder}`);
    if (isWithin(mountpoint, real)) throw refusal(mountpoint, `is among the backups in ${folder}`);
  }
  while (isOurs(await findMount(mountpoint))) {
    if (!(await isDead(mountpoint))) throw refusal(mountpoint, 'is mounted already');
    log(`mount: ${mountpoint}: taking away a dead mount that an earlier process left`);
    await unmountLazily(mountpoint);
  }
  const stats = await stat(mountpoint).catch((error: unknown) => {
    throw asBackupError(error, `cannot mount on ${mountpoint}`);
  });
  if (!stats.isDirectory()) throw refusal(mountpoint, 'is not a folder');
  if (!nonempty && (await readdir(mountpoint)).length > 0) {
    throw refusal(mountpoint, 'is not empty, and what it holds would be hidden (-o nonempty allows it)');
  }
  return mountpoint;
}

/**
 * Tests the mount from another process, because a dead or busy mount can hang any process that
 * accesses it. If the other process does not answer in time, the mount is considered busy, not
 * dead.
 */
async function isDead(mountpoint: string): Promise<boolean> {
  const { status, complaint } = await runCommand('stat', ['-f', '--', mountpoint], {
    timeoutMs: ALIVE_TIMEOUT_MS,
  });
  return status !== undefined && status !== 0 && complaint.includes('Transport endpoint is not connected');
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`);
}

function refusal(mountpoint: string, why: string): BackupError {
  return new BackupError('usage', `mountpoint ${mountpoint} ${why}`, { subject: mountpoint });
}
