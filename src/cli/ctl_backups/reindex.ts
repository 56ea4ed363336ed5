/** `ctl_backups reindex`: rebuilds one backup's index from its data file, under its lock. */
import { reindexBackup } from '../../backup/openIndex.ts';
import { indexPath } from '../../backup/options.ts';
import { IndexFile } from '../../index/store/indexFile.ts';
import { chunks } from '../../index/queries/chunks.ts';
import type { FoundTarget } from '../common/select.ts';
import type { CtlIo, CtlOptions, Outcome, Print } from './command.ts';
import { underLock } from './run/underLock.ts';

export function reindexOne(target: FoundTarget, options: CtlOptions, io: CtlIo): Promise<Outcome> {
  return underLock('reindex', target, options, io, async (file, print) => {
    const onProgress = io.onProgress;
    // Damage in the data file is reported, but does not count as a failure: no index can repair it,
    // and the rebuilt index describes everything that is readable.
    await reindexBackup(file, print, onProgress === undefined ? {} : { onProgress });
    if (options.verbosity > 0) printChunks(file.path, print);
    return null;
  });
}

function printChunks(path: string, print: Print): void {
  const index = IndexFile.peek(indexPath(path));
  try {
    for (const chunk of index === null ? [] : chunks(index))
      print(`\nfound chunk at offset ${chunk.offset}\n`);
    print('reached end of file');
  } finally {
    index?.close();
  }
}
