/** Connects a /dev/fuse descriptor to a mountpoint with mount(8). */
import { writeFile } from 'node:fs/promises';
import { BackupError } from '../../../src/errors.ts';
import { runCommand } from '../../lifecycle/command.ts';
import { findMount } from '../../lifecycle/mountTable.ts';
import { SUBTYPE } from '../../lifecycle/transport.ts';
import type { TransportOptions } from '../../lifecycle/transport.ts';
import { MAX_READ_BYTES } from '../wire/protocol.ts';

/**
 * Mounts an open /dev/fuse descriptor. The option `-i` bypasses mount.fuse, which would start a
 * file system program itself. The `rootmode` option declares the root to be a folder.
 */
export async function mountDevice(
  fd: number,
  { mountpoint, source, allowOther }: Pick<TransportOptions, 'mountpoint' | 'source' | 'allowOther'>,
): Promise<void> {
  const options = ['fd=3', 'rootmode=40000', 'user_id=0', 'group_id=0', `subtype=${SUBTYPE}`];
  options.push('ro', 'nosuid', 'nodev', 'default_permissions');
  if (allowOther) options.push('allow_other');
  const args = ['-i', '-t', 'fuse', '-o', options.join(','), '--', source, mountpoint];
  const { status, complaint } = await runCommand('mount', args, { fd });
  if (status === 0) return;
  throw new BackupError('io', `cannot mount on ${mountpoint}: ${complaint}`, { subject: mountpoint });
}

/**
 * Makes the kernel's read-ahead use the largest requests that the protocol allows. If this fails,
 * the mount is slower but works.
 */
export async function raiseReadAhead(mountpoint: string): Promise<void> {
  const entry = await findMount(mountpoint);
  if (entry === undefined) return;
  const path = `/sys/class/bdi/${entry.device}/read_ahead_kb`;
  await writeFile(path, String(MAX_READ_BYTES / 1024)).catch(() => undefined);
}
