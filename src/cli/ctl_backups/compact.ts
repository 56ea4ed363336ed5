/**
 * `ctl_backups compact`: rewrites one backup without what its retention no longer needs. Skips a
 * backup that would hardly become smaller, unless forced. It does not rely on the machine's clock
 * alone (trustedClock.ts).
 */
import { compactBackup } from '../../backup/compact/compact.ts';
import type { FoundTarget } from '../common/select.ts';
import { NOTHING_TO_DO, reporting } from './command.ts';
import { recordOutcome } from './run/recorded.ts';
import type { CtlIo, CtlOptions, Outcome } from './command.ts';
import { retainedSince, retentionRules } from '../../config/retentionRules.ts';
import { COMPRESSION_LEVEL } from '../../backup/options.ts';

/** A backupd holds a backup's lock while it handles one command from the master. */
const SWAP_PATIENCE_MS = 30_000;

export async function compactOne(target: FoundTarget, options: CtlOptions, io: CtlIo): Promise<Outcome> {
  const { config, isForced, presentS, mayDropMost, waitsForLocks, verbosity } = options;
  const outcome = await reporting('compact', target, options, io, async (print) => {
    const { onProgress } = io;
    const done = await compactBackup({
      path: target.path,
      horizon: retainedSince(config, target.userid, retentionRules(config), presentS),
      mayDropMost,
      sizes: {
        min: Math.max(0, config.backup_compact_minsize),
        max: Math.max(0, config.backup_compact_maxsize),
      },
      workThreshold: config.backup_compact_work_threshold,
      isForced,
      keepsPrevious: config.backup_keep_previous,
      compressionLevel: COMPRESSION_LEVEL,
      lock: waitsForLocks ? { wait: {} } : {},
      swapWait: waitsForLocks ? {} : { timeoutMs: SWAP_PATIENCE_MS },
      notice: (message) => io.stderr.write(`${target.label}: ${message}\n`),
      detail: verbosity > 0 ? print : () => undefined,
      ...(onProgress && { onProgress }),
    });
    const threshold = config.backup_compact_work_threshold;
    const reason = `nothing to do: fewer than ${threshold} chunks need it (backup_compact_work_threshold); -F does it anyway`;
    return done === 'done' ? null : { ...NOTHING_TO_DO, reason };
  });
  recordOutcome('compact', target, options, { outcome }, io);
  return outcome;
}
