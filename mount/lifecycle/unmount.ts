/** Unmounts a mount. If programs still use the mount, it is unmounted lazily (MNT_DETACH). */
import { BackupError } from '../../src/errors.ts';
import { runCommand } from './command.ts';
import type { CommandResult } from './command.ts';
import { findMount, isOurs } from './mountTable.ts';

const isRoot = process.getuid?.() === 0;

export async function unmount(mountpoint: string): Promise<'unmounted' | 'lazy'> {
  const first = await tryUnmount(mountpoint, false);
  if (first.status === 0 || !isOurs(await findMount(mountpoint))) return 'unmounted';
  await unmountLazily(mountpoint);
  return 'lazy';
}

export async function unmountLazily(mountpoint: string): Promise<void> {
  const { status, complaint } = await tryUnmount(mountpoint, true);
  if (status !== 0 && isOurs(await findMount(mountpoint))) throw cannotUnmount(mountpoint, complaint);
}

/**
 * Removes a mount that no process serves any more. Pending requests fail. This releases the locks
 * that an invalidation in the kernel may be waiting for. Only root can do this.
 */
export async function abortMount(mountpoint: string): Promise<void> {
  const { status, complaint } = await runCommand('umount', ['-i', '-f', '-l', '--', mountpoint]);
  if (status !== 0 && isOurs(await findMount(mountpoint))) throw cannotUnmount(mountpoint, complaint);
}

function cannotUnmount(mountpoint: string, complaint: string): BackupError {
  return new BackupError('io', `cannot unmount ${mountpoint}: ${complaint}`, { subject: mountpoint });
}

/**
 * Tries to unmount. Users other than root need libfuse's setuid helper, fusermount or fusermount3.
 */
async function tryUnmount(mountpoint: string, lazily: boolean): Promise<CommandResult> {
  if (isRoot) return runCommand('umount', ['-i', ...(lazily ? ['-l'] : []), '--', mountpoint]);
  const args = [lazily ? '-uz' : '-u', '--', mountpoint];
  const result = await runCommand('fusermount3', args);
  return result.status === undefined ? runCommand('fusermount', args) : result;
}
