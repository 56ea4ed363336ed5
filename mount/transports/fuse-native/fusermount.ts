/**
 * Why fusermount refuses a mount. libfuse closes the program's stderr before it starts it, and says no more than that it failed. So
 * where it has failed, fusermount is asked once more, as libfuse asks it.
 */
import { runCommand } from '../../command.ts';
import { findMount, isOurs } from '../../mountTable.ts';
import { unmountLazily } from '../../unmount.ts';

/** Where fusermount finds the number of the socket for the open device (libfuse, lib/mount.c). */
const SOCKET = { _FUSE_COMMFD: '3' };
/** Options that libfuse keeps to itself. */
const OF_LIBRARY = /^(auto_cache|use_ino|readdir_ino|nonempty|.*_timeout=.*)$/;

/** In fusermount's words; empty where it says nothing. */
export async function refusalOf(mountpoint: string, options: readonly string[]): Promise<string> {
  const wasThere = isOurs(await findMount(mountpoint));
  const list = options.filter((option) => !OF_LIBRARY.test(option)).join(',');
  const args = ['-o', list, '--', mountpoint];
  const { status, complaint } = await runCommand('fusermount', args, { fd: 'pipe', env: SOCKET });
  // What hindered libfuse is gone: this mount has no server.
  if (status === 0 && !wasThere && isOurs(await findMount(mountpoint))) await unmountLazily(mountpoint);
  return status === 0 ? '' : complaint;
}
