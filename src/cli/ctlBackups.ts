/**
 * `ctl_backups [options] list|verify|reindex [mode] backup...`: administration of backups, with the options, output and
 * exit codes of the originals' tool (cyrus-imapd backup/ctl_backups.c). Each backup is served by itself: one that
 * cannot be is reported, and the others follow, unless -S is given.
 */
import { parseArgs } from 'node:util';
import { loadConfig } from '../config/imapdConf.ts';
import { messageOf } from '../errors.ts';
import { DEFAULT_CONFIG } from './catalogOptions.ts';
import { BACKUP_FAILED, guarded, runInProcess, usageError } from './commonRun.ts';
import { flag, modeOf, selectTargets } from './commonSelect.ts';
import type { FoundTarget, Mode } from './commonSelect.ts';
import { listOne } from './ctlBackupsList.ts';
import { reindexOne, verifyOne } from './ctlBackupsCheck.ts';
import type { CliIo } from './io.ts';

const USAGE = `usage: ctl_backups [options] list [-t hours] [[mode] backup...]
       ctl_backups [options] reindex [mode] backup...
       ctl_backups [options] verify [mode] backup...

Options:
  -C FILE   configuration (default ${DEFAULT_CONFIG})
  -F        force
  -S        stop on error
  -V        don't verify checksums (list never does)
  -j        output in JSON format
  -v        verbose (repeat for more; not with -j)
  -w        wait for locks (don't skip locked backups)
  -t HOURS  list: only backups without an update in so many hours (default: 24)

Modes:
  -A        all known backups
  -D        backups of the domains named
  -P        backups of userids that begin as named
  -f        data files named
  -m        backups that the mailboxes named belong to
  -u        backups of the userids named (default)
`;

export interface CtlOptions {
  readonly isJson: boolean;
  readonly verbosity: number;
  readonly waitsForLocks: boolean;
  /** list: only what has had no update for so many hours. */
  readonly staleHours: number | null;
}

/** What became of one backup. */
export type Outcome = 'ok' | 'locked' | 'failed';

type Command = (target: FoundTarget, options: CtlOptions, io: CliIo) => Promise<Outcome> | Outcome;

const commands: ReadonlyMap<string, Command> = new Map<string, Command>([
  ['list', listOne],
  ['reindex', reindexOne],
  ['verify', verifyOne],
]);

interface Arguments {
  readonly config: string;
  readonly command: Command;
  readonly mode: Mode;
  readonly names: readonly string[];
  readonly stopsOnError: boolean;
  readonly options: CtlOptions;
}

export function main(args: string[]): Promise<number> {
  return runInProcess(runCtlBackups, args);
}

/** Resolves to the exit code: 0, 64 usage, 75 where a backup was locked or failed, 78 configuration. */
export function runCtlBackups(argv: readonly string[], io: CliIo): Promise<number> {
  return guarded('ctl_backups', USAGE, io, async () => {
    const parsed = interpret(argv);
    const config = loadConfig(parsed.config);
    let failures = 0;
    for (const target of selectTargets(config, parsed.mode, parsed.names)) {
      const { path } = target;
      if (path === null) io.stderr.write(`${target.label}: not found in backups.db\n`);
      const outcome =
        path === null ? 'failed' : await parsed.command({ ...target, path }, parsed.options, io);
      if (outcome !== 'ok') failures += 1;
      if (outcome === 'failed' && path !== null && parsed.stopsOnError) break;
    }
    return failures === 0 ? 0 : BACKUP_FAILED;
  });
}

function parse(argv: readonly string[]) {
  // As getopt's optional argument: a last -t has none.
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
        f: flag('f'),
        j: flag('j'),
        m: flag('m'),
        u: flag('u'),
        w: flag('w'),
        v: { type: 'boolean', short: 'v', multiple: true },
        C: { type: 'string', short: 'C', default: DEFAULT_CONFIG },
        t: { type: 'string', short: 't' },
      },
    });
  } catch (error) {
    throw usageError(messageOf(error));
  }
}

function interpret(argv: readonly string[]): Arguments {
  const { values, positionals } = parse(argv);
  const [name, ...names] = positionals;
  if (name === undefined) throw usageError('a command is missing');
  const command = commands.get(name);
  if (command === undefined) throw usageError(`no command ${name}`);
  const mode = modeOf(values, name === 'list' && names.length === 0 ? 'all' : 'user');
  if (mode === 'all' && names.length > 0) throw usageError('-A goes without names of backups');
  const verbosity = values.v?.length ?? 0;
  if (values.j === true && verbosity > 0) throw usageError('-j and -v exclude each other');
  const options = {
    isJson: values.j === true,
    verbosity,
    waitsForLocks: values.w === true,
    staleHours: values.t === undefined ? null : hours(values.t),
  };
  return { config: values.C, command, mode, names, stopsOnError: values.S === true, options };
}

function hours(text: string): number {
  const value = /^[0-9]{1,7}$/.test(text) ? Number(text) : 0;
  if (value === 0) throw usageError(`-t ${text}: a number of hours is expected`);
  return value;
}
