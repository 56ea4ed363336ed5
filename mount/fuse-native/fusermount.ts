/**
 * Finds out why fusermount refuses a mount. libfuse closes the program's stderr before starting it,
 * and reports only that it failed. So after a failure, fusermount is run once more in the same way.
 */
import { runCommand } from '../lifecycle/command.ts';
import { findMount, isOurs } from '../lifecycle/mountTable.ts';
import { unmountLazily } from '../lifecycle/unmount.ts';

/** The variable with the number of the socket for the open device (libfuse, lib/mount.c). */
const SOCKET = { _FUSE_COMMFD: '3' };
/** Options that libfuse does not pass on. */
const OF_LIBRARY = /^(auto_cache|use_ino|readdir_ino|nonempty|.*_timeout=.*)$/;

/** Returns fusermount's own message; empty if there is none. */
export async function refusalOf(mountpoint: string, options: readonly string[]): Promise<string> {
  const wasThere = isOurs(await findMount(mountpoint));
  const list = options.filter((option) => !OF_LIBRARY.test(option)).join(',');
  const args = ['-o', list, '--', mountpoint];
  const { status, complaint } = await runCommand('fusermount', args, { fd: 'pipe', env: SOCKET });
  // The cause has disappeared and this mount succeeded, but it has no server.
  if (status === 0 && !wasThere && isOurs(await findMount(mountpoint))) await unmountLazily(mountpoint);
  return status === 0 ? '' : complaint;
}
