/**
 * Runs the commands that only read many backups, list and stat. Each backup takes a fraction of a
 * millisecond, so speed depends on loading few modules and on buffering the output.
 */
import { StatsCache } from '../../../index/store/statsCache.ts';
import { StatusReader } from '../../../status/statusReader.ts';
import { worse } from '../../common/exitCodes.ts';
import { readOnlyCatalog } from '../../../catalog/catalogOptions.ts';
import { isFound, notFoundCode, selectTargets } from '../../common/select.ts';
import type { Arguments, InspectCommand } from './arguments.ts';
import type { BackupCommand, CtlIo, CtlOptions } from '../command.ts';
import { gathered } from './gatheredOutput.ts';

/** Resolves to the exit code. */
export async function lookAtEach(
  { one, heading }: Look,
  { mode, names, stopsOnError }: Arguments,
  options: CtlOptions,
  io: CtlIo,
): Promise<number> {
  const output = gathered(io);
  const { databasePath } = readOnlyCatalog(options.config);
  const figures = StatsCache.open(databasePath);
  const warn = (reason: string): void => void output.stderr.write(`ctl_backups: ${reason}\n`);
  const isShown = options.isJson || options.isHuman;
  const status = isShown ? StatusReader.open(databasePath, warn) : undefined;
  const own = { ...output, figures, status };
  let exitCode = 0;
  try {
    if (options.isHuman && !options.isJson) output.stdout.write(heading);
    for (const target of selectTargets(options.config, mode, names)) {
      if (!isFound(target, own)) {
        exitCode = worse(exitCode, notFoundCode(target));
        continue;
      }
      const outcome = await one(target, options, own);
      exitCode = worse(exitCode, outcome.exitCode);
      if (stopsOnError && outcome.status !== 'ok') break;
    }
    output.flush();
    return exitCode;
  } finally {
    figures?.close();
    status?.close();
  }
}

export interface Look {
  readonly one: BackupCommand;
  readonly heading: string;
}

/** Loads the command. `isAllLoaded` also loads modules that only some backups need. */
export async function loadLook(command: InspectCommand, isAllLoaded: boolean): Promise<Look> {
  if (isAllLoaded) await import('../../../backup/reader.ts');
  if (command === 'list') {
    const { listOne, listHeading } = await import('../list.ts');
    return { one: listOne, heading: listHeading };
  }
  const { statOne, statHeading } = await import('../stat.ts');
  return { one: statOne, heading: statHeading };
}
