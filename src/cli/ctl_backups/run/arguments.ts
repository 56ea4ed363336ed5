/**
 * The command line of ctl_backups: parses the options, which may stand anywhere, as with getopt,
 * and checks that the command accepts them.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { VERIFY_LEVELS } from '../../../backup/options.ts';
import type { VerifyLevel } from '../../../backup/options.ts';
import { messageOf } from '../../../errors.ts';
import { nowSeconds } from '../../../mailbox/timestamp.ts';
import { DEFAULT_CONFIG } from '../../common/catalogOptions.ts';
import { usageError } from '../../common/run.ts';
import { flag, modeOf } from '../../common/select.ts';
import type { Mode } from '../../common/select.ts';
import type { CtlOptions } from '../command.ts';
import type { LockMode, LockOptions } from '../lock.ts';

export const USAGE = `usage: ctl_backups [options] list [-t hours] [[mode] backup...]
       ctl_backups [options] stat [mode] backup...
       ctl_backups [options] compact [mode] backup...
       ctl_backups [options] verify [mode] backup...
       ctl_backups [options] reindex [mode] backup...
       ctl_backups [options] retime [mode] backup...
       ctl_backups [options] lock [-c] [-p | -s | -x command] [mode] backup
       ctl_backups [options] move [mode] backup partition
       ctl_backups [options] rename userid userid
       ctl_backups [options] delete [mode] backup
       ctl_backups [options] reconstruct [-n]
       ctl_backups [options] retention [userid | @domain [duration | default]]
       ctl_backups [options] hold userid [reason]
       ctl_backups [options] release userid

Options:
  -C FILE   configuration (default ${DEFAULT_CONFIG})
  -F        force: compact whatever there is to do, delete without asking,
            reconstruct puts in order what it would only report
  -S        stop on error
  -V        don't verify checksums (list and stat never do)
  -j        output in JSON format
  -v        verbose (repeat for more; not with -j)
  -w        wait for locks (don't skip locked backups)
  --human   list, stat: sizes with units, and columns
  --colour  colours
  --level LEVEL
            verify: quick (the last chunk's checksum), checksums (every chunk's), full (all, message
            by message, and the index against it; the default)
  --read-all
            verify: and read every message as the mount and restore would
  --repair  verify: what is damaged leaves the backup, what is whole is kept
  --force-clock
            compact, retime: the clock is right, although no backup has a line of the last days
  --force-drop
            compact: also where it would drop all messages, or nearly all
  --jobs N  compact, verify, reindex, retime: so many backups at a time
            (default: the processors there are)
  -t HOURS  list: only backups without an update in so many hours (default: 24)
  -c        lock: the backup is made, and must not be there
  -p        lock: until standard input ends (default)
  -s        lock: while sqlite3 is open on the index
  -x COMMAND
            lock: while the command runs
  -n        reconstruct: only tell what would be done

Modes:
  -A        all known backups
  -D        backups of the domains named
  -P        backups of userids that begin as named
  -f        data files named
  -m        backups that the mailboxes named belong to
  -u        backups of the userids named (default)

  -A, -D and -P go with list, stat, compact, verify, reindex and retime.
`;

/** Commands that handle any number of backups. */
const LOOK = ['list', 'stat'] as const;
const WORK = ['compact', 'verify', 'reindex', 'retime'] as const;
const EACH = [...LOOK, ...WORK] as const;
/** Commands for one backup, with the number of names they take. */
const ONE = { lock: 1, delete: 1, move: 2, rename: 2 } as const;

/** Commands that only read. */
export type InspectCommand = (typeof LOOK)[number];
/** Commands that lock each backup and work on it. */
export type WorkCommand = (typeof WORK)[number];
/**
 * Commands that take only userids and domains, with their minimum and maximum number of arguments.
 */
const RULES = { retention: [0, 2], hold: [1, Infinity], release: [1, 1] } as const;

type Command = InspectCommand | WorkCommand | keyof typeof ONE | keyof typeof RULES | 'reconstruct';

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

function parse(argv: readonly string[]) {
  // Emulates getopt's optional argument: a -t at the end has no value.
  const args = argv.at(-1) === '-t' ? [...argv, '24'] : [...argv];
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        A: flag('A'),
        D: flag('D'),
        F: flag('F'),
        P: flag('P'),
        S: flag('S'),
        V: flag('V'),
        c: flag('c'),
        f: flag('f'),
        j: flag('j'),
        m: flag('m'),
        n: flag('n'),
        p: flag('p'),
        s: flag('s'),
        u: flag('u'),
        w: flag('w'),
        v: { type: 'boolean', short: 'v', multiple: true },
        C: { type: 'string', short: 'C', default: DEFAULT_CONFIG },
        t: { type: 'string', short: 't' },
        x: { type: 'string', short: 'x' },
        human: { type: 'boolean' },
        colour: { type: 'boolean' },
        jobs: { type: 'string' },
        level: { type: 'string' },
        'read-all': { type: 'boolean' },
        repair: { type: 'boolean' },
        'force-clock': { type: 'boolean' },
        'force-drop': { type: 'boolean' },
      },
    });
  } catch (error) {
    throw usageError(messageOf(error));
  }
}

type Values = ReturnType<typeof parse>['values'];

/** Throws 'usage'. */
export function interpret(argv: readonly string[]): Arguments {
  const { values, positionals } = parse(argv);
  const [name, ...names] = positionals;
  if (name === undefined) throw usageError('a command is missing');
  const command = commandOf(name);
  const mode = modeOf(values, command === 'list' && names.length === 0 ? 'all' : 'user');
  checkNames(command, mode, names);
  const verbosity = values.v?.length ?? 0;
  if (values.j === true && verbosity > 0) throw usageError('-j and -v exclude each other');
  checkFits(command, values);
  const options = {
    isJson: values.j === true,
    verbosity,
    waitsForLocks: values.w === true,
    isForced: values.F === true,
    presentS: nowSeconds(),
    mayDropMost: values['force-drop'] === true,
    isHuman: values.human === true,
    isColoured: values.colour === true,
    verify: {
      level: levelOf(values.level),
      readsAll: values['read-all'] === true,
      repairs: values.repair === true,
    },
    staleHours: values.t === undefined ? null : positive('-t', values.t, 'a number of hours'),
  };
  return {
    config: values.C,
    command,
    mode,
    names,
    stopsOnError: values.S === true,
    jobs: values.jobs === undefined ? availableParallelism() : positive('--jobs', values.jobs, 'a number'),
    lock: { mode: lockMode(values), isNew: values.c === true },
    isDryRun: values.n === true,
    mayForceClock: values['force-clock'] === true,
    options,
  };
}

function commandOf(name: string): Command {
  const commands: readonly Command[] = [
    ...EACH,
    'lock',
    'delete',
    'move',
    'rename',
    'reconstruct',
    'retention',
    'hold',
    'release',
  ];
  const command = commands.find((known) => known === name);
  if (command === undefined) throw usageError(`no command ${name}`);
  return command;
}

function checkNames(command: Command, mode: Mode, names: readonly string[]): void {
  if (mode === 'all' && names.length > 0) throw usageError('-A goes without names of backups');
  if (command === 'reconstruct' && (mode !== 'user' || names.length > 0)) {
    throw usageError('reconstruct takes no names of backups');
  }
  if (command in RULES) {
    const [least, most] = RULES[command as keyof typeof RULES];
    if (mode !== 'user') throw usageError(`${command} takes userids`);
    if (names.length < least || names.length > most)
      throw usageError(`${command}: the wrong number of names`);
  }
  if (!(command in ONE)) return;
  if (mode === 'all' || mode === 'domain' || mode === 'prefix')
    throw usageError(`${command} takes one backup`);
  if (command === 'rename' && mode !== 'user') throw usageError('rename takes userids');
  const count = ONE[command as keyof typeof ONE];
  if (names.length !== count) throw usageError(`${command} takes ${count === 1 ? 'one name' : 'two names'}`);
}

function levelOf(name: string | undefined): VerifyLevel {
  const level = VERIFY_LEVELS.find((known) => known === (name ?? 'full'));
  if (level === undefined)
    throw usageError(`--level ${name}: one of ${VERIFY_LEVELS.join(', ')} is expected`);
  return level;
}

/** Rejects options of other commands. Like the originals, accepts -c and -t with any command. */
function checkFits(command: Command, values: Values): void {
  const own = {
    p: 'lock',
    s: 'lock',
    x: 'lock',
    n: 'reconstruct',
    level: 'verify',
    'read-all': 'verify',
    repair: 'verify',
    'force-clock': 'compact and retime',
    'force-drop': 'compact',
  } as const;
  for (const [option, its] of Object.entries(own)) {
    if (values[option as keyof typeof own] !== undefined && !its.split(' and ').includes(command)) {
      throw usageError(`${option.length === 1 ? '-' : '--'}${option} goes with ${its}`);
    }
  }
}

function lockMode({ p, s, x }: Values): LockMode {
  if ([p, s, x].filter((given) => given !== undefined).length > 1) {
    throw usageError('-p, -s and -x exclude each other');
  }
  if (x !== undefined) return { kind: 'exec', command: x };
  return { kind: s === true ? 'sqlite' : 'pipe' };
}

function positive(option: string, text: string, what: string): number {
  const value = /^[0-9]{1,7}$/.test(text) ? Number(text) : 0;
  if (value === 0) throw usageError(`${option} ${text}: ${what} is expected`);
  return value;
}
