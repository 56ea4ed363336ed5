/**
 * Runs the commands that only read many backups, list and stat. Each backup takes a fraction of a
 * millisecond, so speed depends on loading few modules and on buffering the output.
 */
import { StatsCache } from '../../../index/store/statsCache.ts';
import { readOnlyCatalog } from '../../common/catalogOptions.ts';
import { isFound, selectTargets } from '../../common/select.ts';
import type { Arguments, InspectCommand } from './arguments.ts';
import type { BackupCommand, CtlIo, CtlOptions } from '../command.ts';
import { gathered } from './gatheredOutput.ts';

/** Resolves to true if all went well. */
export async function lookAtEach(
  { one, heading }: Look,
  { mode, names, stopsOnError }: Arguments,
  options: CtlOptions,
  io: CtlIo,
): Promise<boolean> {
  const output = gathered(io);
  const figures = StatsCache.open(readOnlyCatalog(options.config).databasePath);
  const own = { ...output, figures };
  let isWell = true;
  try {
    if (options.isHuman && !options.isJson) output.stdout.write(heading);
    for (const target of selectTargets(options.config, mode, names)) {
      const isOk = isFound(target, own) && (await one(target, options, own)) === 'ok';
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
