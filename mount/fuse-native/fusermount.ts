/**
 * Finds out why fusermount refuses to mount. libfuse discards the program's error message and
 * reports only that it failed. So after a failure, fusermount is run once more with the same
 * options, and its message is kept.
 */
import { runCommand } from '../lifecycle/command.ts';
import { findMount, isOurs } from '../lifecycle/mountTable.ts';
import { unmountLazily } from '../lifecycle/unmount.ts';

/**
 * Tells fusermount on which descriptor to pass back the open FUSE device (libfuse, lib/mount.c).
 */
const SOCKET = { _FUSE_COMMFD: '3' };
/** Options that libfuse handles itself and does not pass on to fusermount. */
const OF_LIBRARY = /^(auto_cache|use_ino|readdir_ino|nonempty|.*_timeout=.*)$/;

/** Returns fusermount's error message, or an empty string if there is none. */
export async function refusalOf(mountpoint: string, options: readonly string[]): Promise<string> {
  const wasThere = isOurs(await findMount(mountpoint));
  const list = options.filter((option) => !OF_LIBRARY.test(option)).join(',');
  const args = ['-o', list, '--', mountpoint];
  const { status, complaint } = await runCommand('fusermount', args, { fd: 'pipe', env: SOCKET });
  // This time the mount has succeeded, but no process serves it, so it must be removed.
  if (status === 0 && !wasThere && isOurs(await findMount(mountpoint))) await unmountLazily(mountpoint);
  return status === 0 ? '' : complaint;
}
