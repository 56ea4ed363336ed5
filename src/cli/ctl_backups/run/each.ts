/**
 * Runs the commands that work on many backups: one backup after another in this process, or several
 * backups at a time in worker processes. The output and its order are the same either way.
 *
 * The first few small backups are handled in this process, because starting a worker would take
 * longer. After that, workers share the rest.
 */
import { worse } from '../../common/exitCodes.ts';
import { isFound, notFoundCode, selectTargets, storeOf } from '../../common/select.ts';
import type { Arguments, WorkCommand } from './arguments.ts';
import type { BackupCommand, CtlIo, CtlOptions, Outcome } from '../command.ts';
import { Progress } from './progress.ts';
import { closeRecorded } from './recorded.ts';
import { WorkerPool } from './workers.ts';
import { disk } from '../../../fs/disk/current.ts';

/** Limits on what the main process handles itself before it starts a worker: bytes, and backups. */
const SMALL_BYTES = 8 << 20;
const SMALL_BACKUPS = 32;

/** Resolves to the exit code: the most severe one of all backups (exitCodes.ts). */
export async function eachBackup(
  command: WorkCommand,
  work: BackupCommand,
  parsed: Arguments,
  given: CtlOptions,
  io: CtlIo,
): Promise<number> {
  const options = { ...given, presentS: await presentOf(command, parsed, given) };
  const targets = selectTargets(options.config, parsed.mode, parsed.names);
  const progress = io.stderr.isTTY === true && !options.isJson ? new Progress(command, io) : null;
  const store = storeOf(options.config, parsed.mode, parsed.names);
  const pool =
    parsed.jobs > 1 && !parsed.stopsOnError ? new WorkerPool(command, parsed.jobs, options, store) : null;
  let exitCode = 0;
  const take = (outcome: Pick<Outcome, 'exitCode'>): void => {
    exitCode = worse(exitCode, outcome.exitCode);
  };
  try {
    let seen = 0;
    let seenBytes = 0;
    for (const target of targets) {
      if (!isFound(target, io)) {
        take({ exitCode: notFoundCode(target) });
        continue;
      }
      const sizeBytes = sizeOf(target.path);
      seen += 1;
      seenBytes += sizeBytes;
      const isShared = seen > SMALL_BACKUPS || seenBytes > SMALL_BYTES;
      const own = progress?.of(target, io) ?? io;
      if (pool !== null && isShared) await pool.add({ target, sizeBytes, io: own, onDone: take });
      else {
        const outcome = await work(target, options, own);
        take(outcome);
        if (outcome.status === 'failed' && parsed.stopsOnError) break;
      }
    }
    await pool?.finish();
    return exitCode;
  } finally {
    pool?.stop();
    closeRecorded();
    progress?.clear();
  }
}

/**
 * Returns the time that counts as now. Throws 'refused' before a wrong clock can do irreversible
 * damage.
 */
async function presentOf(
  command: WorkCommand,
  { mode, names, mayForceClock }: Arguments,
  { config, presentS }: CtlOptions,
): Promise<number> {
  if (mayForceClock || (command !== 'compact' && command !== 'retime')) return presentS;
  const { trustedPresent } = await import('./trustedClock.ts');
  const files = mode === 'file' ? names : [];
  return trustedPresent(config, presentS, { files, trustsNewSite: command === 'compact' });
}

/** Returns the file's size; 0 if the file does not exist, which the command will report. */
function sizeOf(path: string): number {
  return disk.stat(path)?.size ?? 0;
}
