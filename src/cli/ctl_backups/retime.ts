/**
 * `ctl_backups retime`: repairs the timestamps of one backup that was written to while the clock
 * was ahead. Each line dated in the future gets the present time, and so does a horizon in the
 * future. The lines keep their order. The previous data file is kept beside the new one.
 *
 * Mail that arrived while the clock was ahead counts as having arrived now. So the retention of
 * mail that was expunged during that time begins now.
 */
import { isInFuture } from '../../backup/clock.ts';
import { compactBackup } from '../../backup/compact/compact.ts';
import { COMPRESSION_LEVEL, indexPath } from '../../backup/options.ts';
import { horizon } from '../../index/queries/horizon.ts';
import { isDamagedIndex } from '../../index/store/indexErrors.ts';
import { IndexFile } from '../../index/store/indexFile.ts';
import { lastTimestamp } from '../../index/queries/timestamps.ts';
import { nowSeconds } from '../../mailbox/timestamp.ts';
import type { FoundTarget } from '../common/select.ts';
import { NOTHING_TO_DO, reporting } from './command.ts';
import type { CtlIo, CtlOptions, Outcome } from './command.ts';

export function retimeOne(target: FoundTarget, options: CtlOptions, io: CtlIo): Promise<Outcome> {
  const { waitsForLocks } = options;
  return reporting('retime', target, options, io, async (print) => {
    const { onProgress } = io;
    const latestTime = nowSeconds();
    if (!isAhead(target.path, latestTime)) return NOTHING_TO_DO;
    await compactBackup({
      path: target.path,
      horizon: undefined,
      latestTime,
      sizes: { min: 0, max: 0 },
      workThreshold: 1,
      isForced: true,
      mayDropMost: false,
      keepsPrevious: true,
      compressionLevel: COMPRESSION_LEVEL,
      lock: waitsForLocks ? { wait: {} } : {},
      swapWait: waitsForLocks ? {} : { timeoutMs: 0 },
      notice: (message) => io.stderr.write(`${target.label}: ${message}\n`),
      detail: () => undefined,
      ...(onProgress && { onProgress }),
    });
    print('lines in the future have the present time now, the data file of before is kept beside');
    return null;
  });
}

/**
 * Reports whether the backup has a time in the future. Without an index it returns true: compaction
 * builds the index and reads the lines.
 */
function isAhead(path: string, nowS: number): boolean {
  const index = IndexFile.peek(indexPath(path));
  if (index === null) return true;
  try {
    return isInFuture(lastTimestamp(index), nowS) || isInFuture(horizon(index), nowS);
  } catch (error) {
    if (!isDamagedIndex(error)) throw error;
    return true;
  } finally {
    index.close();
  }
}
