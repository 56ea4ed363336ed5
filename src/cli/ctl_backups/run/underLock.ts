/**
 * Runs a command's task under the backup's lock. Apart from command.ts, because list and stat take
 * no lock and start faster without these modules.
 */
import { LockedFile } from '../../../fs/lockedFile.ts';
import type { FoundTarget } from '../../common/select.ts';
import { reporting } from '../command.ts';
import type { CtlIo, CtlOptions, Ending, Outcome, Print } from '../command.ts';

/** Does the same as `reporting`, but holds the backup's lock during the task. */
export function underLock(
  command: string,
  target: FoundTarget,
  options: CtlOptions,
  io: CtlIo,
  task: (file: LockedFile, print: Print) => Promise<Ending | null>,
): Promise<Outcome> {
  return reporting(command, target, options, io, async (print) => {
    const file = await acquire(target, options);
    try {
      return await task(file, print);
    } finally {
      file.release();
    }
  });
}

/** Acquires the backup's lock. Waits for it only with -w. */
function acquire(target: FoundTarget, options: CtlOptions): Promise<LockedFile> {
  return LockedFile.acquire(target.path, options.waitsForLocks ? { wait: {} } : {});
}
