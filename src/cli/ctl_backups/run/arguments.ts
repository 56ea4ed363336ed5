/**
 * Turns a parsed command line of ctl_backups into the command's arguments. The grammar is in
 * ../program/program.ts; this file checks what it cannot express.
 */
import { availableParallelism } from 'node:os';
import { nowSeconds } from '../../../mailbox/timestamp.ts';
import { wrongUsage } from '../../common/commandLine/parse.ts';
import type { Parsed } from '../../common/commandLine/parse.ts';
import { modeOf } from '../../common/select.ts';
import type { Mode } from '../../common/select.ts';
import type { CtlOptions } from '../command.ts';
import type { LockMode, LockOptions } from '../lock.ts';
import { INSPECT, WORK } from '../program/options.ts';
import { ctlBackups } from '../program/program.ts';

/** Commands that only read. */
export type InspectCommand = (typeof INSPECT)[number];
/** Commands that lock each backup and work on it. */
export type WorkCommand = (typeof WORK)[number];

export interface Arguments {
  readonly config: string;
  readonly command: Command;
  readonly mode: Mode;
  readonly names: readonly string[];
  readonly stopsOnError: boolean;
  readonly jobs: number;
  readonly lock: LockOptions;
  readonly isDryRun: boolean;
  /** compact, retime: trusts the clock even if the backups contradict it (--force-clock). */
  readonly mayForceClock: boolean;
  readonly options: Omit<CtlOptions, 'config'>;
}

type Command = keyof NonNullable<(typeof ctlBackups)['commands']>;
type CtlCommandLine = Parsed<(typeof ctlBackups)['options'], Command>;

/** Throws 'usage'. */
export function interpret({ command, values, operands: names }: CtlCommandLine): Arguments {
  const mode = modeOf(values, command === 'list' && names.length === 0 ? 'all' : 'user');
  checkNames(command, mode, names);
  return {
    config: values.config,
    command,
    mode,
    names,
    stopsOnError: values.stopsOnError,
    jobs: values.jobs ?? availableParallelism(),
    lock: { mode: lockMode(values), isNew: values.isNew },
    isDryRun: values.isDryRun,
    mayForceClock: values.mayForceClock,
    options: {
      isJson: values.json,
      verbosity: values.verbose,
      waitsForLocks: values.waits,
      isForced: values.force,
      presentS: nowSeconds(),
      mayDropMost: values.mayDropMost,
      isHuman: values.isHuman,
      isColoured: values.isColoured,
      verify: { level: values.level, readsAll: values.readsAll, repairs: values.repairs },
      staleHours: values.staleHours ?? null,
    },
  };
}

/** Requires names, or -A, of the commands that take any number. */
function checkNames(command: string, mode: Mode, names: readonly string[]): void {
  const wrong = (message: string): Error => wrongUsage(ctlBackups, message, command);
  if (mode === 'all' && names.length > 0) {
    throw wrong(`-A means all backups, and ${JSON.stringify(names[0])} names one: leave out one of them`);
  }
  const isEach = [...INSPECT, ...WORK].some((each) => each === command);
  if (isEach && mode !== 'all' && names.length === 0) {
    throw wrong(`${command} needs the names of backups, or -A for all`);
  }
}

function lockMode({ sqlite, exec }: CtlCommandLine['values']): LockMode {
  if (exec !== undefined) return { kind: 'exec', command: exec };
  return { kind: sqlite ? 'sqlite' : 'pipe' };
}
