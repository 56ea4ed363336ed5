/**
 * The commands that work on many backups: one after another in this process, or several at a time in processes of their own.
 * What is printed, and its order, is the same either way.
 *
 * A few small backups are done here, faster than another process would start; from then on others share the work.
 */
import { statSync } from 'node:fs';
import { isFound, selectTargets, storeOf } from './commonSelect.ts';
import type { Arguments, WorkCommand } from './ctlBackupsArguments.ts';
import type { BackupCommand, CtlIo, CtlOptions, Outcome } from './ctlBackupsCommand.ts';
import { Progress } from './ctlBackupsProgress.ts';
import { WorkerPool } from './ctlBackupsWorkers.ts';

/** As much as this, or as many, are done before another process has started. */
const SMALL_BYTES = 8 << 20;
const SMALL_BACKUPS = 32;

/** Whether all went well. */
export async function eachBackup(
  command: WorkCommand,
  work: BackupCommand,
  parsed: Arguments,
  given: CtlOptions,
  io: CtlIo,
): Promise<boolean> {
  const options = { ...given, presentS: await presentOf(command, parsed, given) };
  const targets = selectTargets(options.config, parsed.mode, parsed.names);
  const progress = io.stderr.isTTY === true && !options.isJson ? new Progress(command, io) : null;
  const store = storeOf(options.config, parsed.mode, parsed.names);
  const pool =
    parsed.jobs > 1 && !parsed.stopsOnError ? new WorkerPool(command, parsed.jobs, options, store) : null;
  let isWell = true;
  const take = (outcome: Outcome): void => {
    if (outcome !== 'ok') isWell = false;
  };
  try {
    let seen = 0;
    let seenBytes = 0;
    for (const target of targets) {
      if (!isFound(target, io)) {
        isWell = false;
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
        if (outcome === 'failed' && parsed.stopsOnError) break;
      }
    }
    await pool?.finish();
    return isWell;
  } finally {
    pool?.stop();
    progress?.clear();
  }
}

/** What counts as now. Throws 'refused' before anything that a wrong clock would do for good. */
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

/** 0 where there is none: the command will say so. */
function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
