/**
 * `ctl_backups [options] COMMAND [mode] backup...`: administration of backups. Options, output and
 * exit codes are those of the originals' tool (cyrus-imapd backup/ctl_backups.c); commands that the
 * original tool never implemented are implemented here.
 *
 * Each backup is handled separately: a failure is reported, and the run continues with the others,
 * unless -S is given.
 *
 * Loads only the modules of the command that is run, because start-up is most of the time that a
 * short command takes.
 */
import { BackupError } from '../../errors.ts';
import { loadConfig } from '../../config/imapdConf.ts';
import { actsAsOther, asOwnerOf } from '../../fs/actAsOwner.ts';
import { runInProcess, runProgram } from '../common/run.ts';
import { selectTargets, storeOf } from '../common/select.ts';
import type { Target } from '../common/select.ts';
import { interpret } from './run/arguments.ts';
import type { Arguments } from './run/arguments.ts';
import type { CtlIo, CtlOptions } from './command.ts';
import { ctlBackups } from './program/program.ts';

export function main(args: string[]): Promise<number> {
  return runInProcess(runCtlBackups, args);
}

/** Resolves to the exit code (src/cli/common/exitCodes.ts). */
export function runCtlBackups(argv: readonly string[], io: CtlIo): Promise<number> {
  return runProgram(ctlBackups, argv, io, async (line) => {
    const parsed = interpret(line);
    // The configuration is read before switching to the store's owner: the configuration and the
    // program may be readable by root only.
    const options = { ...parsed.options, config: loadConfig(parsed.config) };
    const store = storeOf(options.config, parsed.mode, parsed.names);
    const work = await prepare(parsed, options, io, store);
    return asOwnerOf(store, async () => work());
  });
}

type Work = () => Promise<number> | number;

/** Loads the command's modules and returns a function that runs it. */
async function prepare(
  parsed: Arguments,
  options: CtlOptions,
  io: CtlIo,
  store: readonly string[],
): Promise<Work> {
  const { command, mode, names } = parsed;
  const one = (): Target => {
    const [target] = [...selectTargets(options.config, mode, names.slice(0, 1))];
    if (target === undefined) throw new BackupError('not-found', 'a backup is expected');
    return target;
  };
  switch (command) {
    case 'lock': {
      const { lockBackup, makeCatalog } = await import('./lock.ts');
      return () => {
        if (parsed.lock.isNew && mode !== 'file') makeCatalog(options.config);
        return lockBackup(one(), parsed.lock, options, io);
      };
    }
    case 'move': {
      const { moveBackup } = await import('./move.ts');
      return () => moveBackup(one(), names[1] ?? '', options, io);
    }
    case 'delete': {
      const { deleteBackup } = await import('./delete.ts');
      return () => deleteBackup(one(), options, io);
    }
    case 'rename': {
      const { renameBackup } = await import('./rename.ts');
      return () => renameBackup(one(), names[1] ?? '', options, io);
    }
    case 'reconstruct': {
      const { reconstructCatalog } = await import('./reconstruct.ts');
      return () => reconstructCatalog(parsed.isDryRun, options, io);
    }
    case 'retention':
    case 'hold':
    case 'release': {
      const { changeRetention, holdBackup, releaseBackup } = await import('./retention.ts');
      const change = { retention: changeRetention, hold: holdBackup, release: releaseBackup }[command];
      return () => change(names, options, io);
    }
    case 'list':
    case 'stat': {
      const { loadLook, lookAtEach } = await import('./run/inspect.ts');
      const look = await loadLook(command, actsAsOther(store));
      return () => lookAtEach(look, parsed, options, io);
    }
    default: {
      const { eachBackup } = await import('./run/each.ts');
      const { loadCommand } = await import('./run/load.ts');
      const work = await loadCommand[command]();
      return () => eachBackup(command, work, parsed, options, io);
    }
  }
}
