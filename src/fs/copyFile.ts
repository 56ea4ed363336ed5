/** Copies a whole file to another folder of the store. */
import { copyBytes } from './copyBytes.ts';
import { disk } from './disk/current.ts';
import { giveOwner } from './keepOwner.ts';
import { SharedRead } from './lockedFile.ts';
import { createAnew } from './open.ts';

/**
 * Copies a regular file over whatever has the target name. The copy keeps the mode, the times and,
 * as root, the owner.
 *
 * When this resolves, the copy's content is on disk; its name is on disk once the caller has synced
 * the folder. A lock that this process holds on the source is kept. Throws system errors unchanged.
 */
export async function copyFile(from: string, to: string): Promise<void> {
  const source = SharedRead.open(from);
  try {
    const stats = disk.fstat(source.fd);
    const times = disk.getTimes(source.fd);
    const target = createAnew(to);
    try {
      await copyBytes(source.fd, target, 0, stats.size);
      giveOwner(target, stats);
      disk.fchmod(target, stats.mode & 0o777);
      disk.setTimes(target, times);
      disk.fsync(target);
    } finally {
      disk.close(target);
    }
  } finally {
    source.close();
  }
}
