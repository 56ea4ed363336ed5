/** `ctl_backups reindex`: builds one backup's index anew from its data file, under its lock. */
import { rebuildIndex } from '../backup/openIndex.ts';
import { chunks } from '../index/queries.ts';
import type { FoundTarget } from './commonSelect.ts';
import { underLock } from './ctlBackupsCommand.ts';
import type { CtlIo, CtlOptions, Outcome } from './ctlBackupsCommand.ts';

export function reindexOne(target: FoundTarget, options: CtlOptions, io: CtlIo): Promise<Outcome> {
  return underLock('reindex', target, options, io, async (file, print) => {
    const onProgress = io.onProgress;
    // What is damaged stays so whatever index there is: it is said, and the rebuilt index is none the worse.
    const { index } = await rebuildIndex(file, print, onProgress === undefined ? {} : { onProgress });
    try {
      if (options.verbosity === 0) return null;
      for (const chunk of chunks(index)) print(`\nfound chunk at offset ${chunk.offset}\n`);
      print('reached end of file');
      return null;
    } finally {
      index.close();
    }
  });
}
