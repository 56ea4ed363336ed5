/** Takes a mount away: properly where nobody uses it, else out of sight until nobody does. */
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
 * Takes away a mount that nobody serves any more. Who waits for an answer gets an error, and with it goes the lock that a
 * notification to the kernel may be waiting for. For root.
 */
export async function abortMount(mountpoint: string): Promise<void> {
  const { status, complaint } = await runCommand('umount', ['-i', '-f', '-l', '--', mountpoint]);
  if (status !== 0 && isOurs(await findMount(mountpoint))) throw cannotUnmount(mountpoint, complaint);
}

function cannotUnmount(mountpoint: string, complaint: string): BackupError {
  return new BackupError('io', `cannot unmount ${mountpoint}: ${complaint}`, { subject: mountpoint });
}

/** Ordinary users go through the setuid helper of libfuse, under either of its names. */
async function tryUnmount(mountpoint: string, lazily: boolean): Promise<CommandResult> {
  if (isRoot) return runCommand('umount', ['-i', ...(lazily ? ['-l'] : []), '--', mountpoint]);
  const args = [lazily ? '-uz' : '-u', '--', mountpoint];
  const result = await runCommand('fusermount3', args);
  return result.status === undefined ? runCommand('fusermount', args) : result;
}
