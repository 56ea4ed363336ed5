/**
 * The commands that go through many backups: one after another in this process, or several at a time in processes of their own,
 * one to a processor. What is printed, and its order, is the same either way.
 *
 * Small backups are done here, faster than another process would start; from SMALL_BYTES on in all, others share the work.
 */
import { statSync } from 'node:fs';
import { FiguresFile } from '../index/figuresFile.ts';
import { readOnlyCatalog } from './catalogOptions.ts';
import { selectTargets } from './commonSelect.ts';
import type { FoundTarget, Target } from './commonSelect.ts';
import type { Arguments, EachCommand } from './ctlBackupsArguments.ts';
import type { BackupCommand, CtlIo, CtlOptions, Outcome } from './ctlBackupsCommand.ts';
import { compactOne } from './ctlBackupsCompact.ts';
import { listHeading, listOne } from './ctlBackupsList.ts';
import { Progress } from './ctlBackupsProgress.ts';
import { reindexOne } from './ctlBackupsReindex.ts';
import { statHeading, statOne } from './ctlBackupsStat.ts';
import { verifyOne } from './ctlBackupsVerify.ts';
import { WorkerPool } from './ctlBackupsWorkers.ts';
import { gathered } from './gatheredOutput.ts';

const SMALL_BYTES = 8 << 20;

export const eachCommands: Record<EachCommand, BackupCommand> = {
  list: listOne,
  stat: statOne,
  compact: compactOne,
  verify: verifyOne,
  reindex: reindexOne,
};

/** Whether all went well. */
export async function eachBackup(
  command: EachCommand,
  parsed: Arguments,
  options: CtlOptions,
  io: CtlIo,
): Promise<boolean> {
  const targets = selectTargets(options.config, parsed.mode, parsed.names);
  if (command === 'list' || command === 'stat') return look(command, targets, parsed, options, io);
  const progress = io.stderr.isTTY === true && !options.isJson ? new Progress(command, io) : null;
  const pool = parsed.jobs > 1 && !parsed.stopsOnError ? new WorkerPool(command, parsed.jobs, options) : null;
  let isWell = true;
  const take = (outcome: Outcome): void => {
    if (outcome !== 'ok') isWell = false;
  };
  try {
    let seenBytes = 0;
    for (const target of targets) {
      if (!isFound(target, io)) {
        isWell = false;
        continue;
      }
      seenBytes += sizeOf(target.path);
      const own = progress?.of(target, io) ?? io;
      if (pool !== null && seenBytes > SMALL_BYTES) await pool.add(target, own, take);
      else {
        const outcome = await eachCommands[command](target, options, own);
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

/** list and stat: a fraction of a millisecond each, so what counts is how they are written. */
async function look(
  command: 'list' | 'stat',
  targets: Iterable<Target>,
  { stopsOnError }: Arguments,
  options: CtlOptions,
  io: CtlIo,
): Promise<boolean> {
  const output = gathered(io);
  const figures = FiguresFile.open(readOnlyCatalog(options.config).databasePath);
  const own = { ...output, figures };
  let isWell = true;
  try {
    if (options.isHuman && !options.isJson)
      output.stdout.write(command === 'list' ? listHeading : statHeading);
    for (const target of targets) {
      const isOk = isFound(target, own) && (await eachCommands[command](target, options, own)) === 'ok';
      if (isOk) continue;
      isWell = false;
      if (stopsOnError && target.path !== null) break;
    }
    output.flush();
    return isWell;
  } finally {
    figures?.close();
  }
}

function isFound(target: Target, io: CtlIo): target is FoundTarget {
  if (target.path === null) io.stderr.write(`${target.label}: not found in backups.db\n`);
  return target.path !== null;
}

/** 0 where there is none: the command will say so. */
function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
