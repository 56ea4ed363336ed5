/**
 * `cyr_backup [options] [mode] backup list|show|dump|json ...`: shows what one backup holds.
 * Options, output and exit codes are those of the originals' tool (cyrus-imapd
 * backup/cyr_backup.c). It takes no lock, so it can be used while a master replicates.
 */
import { parseArgs } from 'node:util';
import { futureNoteOf, requireKnown } from '../../backup/clock.ts';
import { BackupReader, doubtIndex } from '../../backup/reader.ts';
import { loadConfig } from '../../config/imapdConf.ts';
import type { Config } from '../../config/imapdConf.ts';
import { BackupError, messageOf } from '../../errors.ts';
import type { IndexFile } from '../../index/store/indexFile.ts';
import { isDamagedIndex } from '../../index/store/indexErrors.ts';
import { lastTimestamp } from '../../index/queries/current.ts';
import { timestampText, nowSeconds, parsePast, saysNow } from '../../mailbox/timestamp.ts';
import { DEFAULT_CONFIG } from '../common/catalogOptions.ts';
import { BACKUP_FAILED, guarded, runInProcess, usageError } from '../common/run.ts';
import { flag, modeOf, selectTargets } from '../common/select.ts';
import type { Mode } from '../common/select.ts';
import { checkLastChunk } from './check.ts';
import type { InspectCommand } from './command.ts';
import { dumpChunk, dumpMailbox, dumpMessage } from './dump.ts';
import { jsonChunks, jsonHeaders, jsonMailboxes, jsonMessages } from './json.ts';
import { listAll, listChunks, listMailboxes, listMessages } from './list.ts';
import { showChunks, showMailboxes, showMessages } from './show.ts';
import { gathered } from '../ctl_backups/run/gatheredOutput.ts';
import type { CliIo } from '../common/io.ts';

const USAGE = `usage: cyr_backup [options] [mode] backup list chunks|mailboxes|messages|all
       cyr_backup [options] [mode] backup show chunks ID...
       cyr_backup [options] [mode] backup show mailboxes NAME|UNIQUEID...
       cyr_backup [options] [mode] backup show messages GUID...
       cyr_backup [options] [mode] backup dump chunk ID
       cyr_backup [options] [mode] backup dump message GUID
       cyr_backup [options] [mode] backup dump mailbox NAME|UNIQUEID
       cyr_backup [options] [mode] backup json chunks|mailboxes|messages
       cyr_backup [options] [mode] backup json headers GUID...

Options:
  -C FILE   configuration (default ${DEFAULT_CONFIG})
  -v        check the last chunk first, and say so
  --at TIME mailboxes as they were: 2026-11-20, 2026-11-20T12:00:00Z, yesterday, 3d, @1795382905

Modes:
  -f        the backup is named by its data file
  -m        the backup that the mailbox named belongs to
  -u        the backup of the userid named (default)
`;

interface CommandSpec {
  readonly run: InspectCommand;
  readonly takes: 'nothing' | 'one' | 'some';
  /** True if the command accepts --at. */
  readonly takesTime?: true;
}

const commands: ReadonlyMap<string, CommandSpec> = new Map<string, CommandSpec>([
  ['list all', { run: listAll, takes: 'nothing' }],
  ['list chunks', { run: listChunks, takes: 'nothing' }],
  ['list mailboxes', { run: listMailboxes, takes: 'nothing', takesTime: true }],
  ['list messages', { run: listMessages, takes: 'nothing' }],
  ['show chunks', { run: showChunks, takes: 'some' }],
  ['show mailboxes', { run: showMailboxes, takes: 'some', takesTime: true }],
  ['show messages', { run: showMessages, takes: 'some' }],
  ['dump chunk', { run: dumpChunk, takes: 'one' }],
  ['dump mailbox', { run: dumpMailbox, takes: 'one', takesTime: true }],
  ['dump message', { run: dumpMessage, takes: 'one' }],
  ['json chunks', { run: jsonChunks, takes: 'nothing' }],
  ['json mailboxes', { run: jsonMailboxes, takes: 'nothing', takesTime: true }],
  ['json messages', { run: jsonMessages, takes: 'nothing' }],
  ['json headers', { run: jsonHeaders, takes: 'some' }],
]);

interface Arguments {
  readonly config: string;
  readonly mode: Mode;
  readonly backup: string;
  readonly run: InspectCommand;
  readonly names: readonly string[];
  readonly at: number | 'now' | null;
  readonly isVerbose: boolean;
}

export function main(args: string[]): Promise<number> {
  return runInProcess(runCyrBackup, args);
}

/**
 * Resolves to the exit code: 0, 64 usage, 75 if the backup or the requested object does not exist,
 * 78 configuration.
 */
export function runCyrBackup(argv: readonly string[], io: CliIo): Promise<number> {
  return guarded('cyr_backup', USAGE, io, async () => {
    const parsed = interpret(argv);
    const config = loadConfig(parsed.config);
    const [target] = [...selectTargets(config, parsed.mode, [parsed.backup])];
    try {
      const path = target?.path ?? null;
      if (path === null) throw new BackupError('not-found', target?.fault ?? 'not found in backups.db');
      return show(path, parsed, config, io);
    } catch (error) {
      if (!(error instanceof BackupError)) throw error;
      io.stderr.write(`${parsed.backup}: ${messageOf(error)}\n`);
      return BACKUP_FAILED;
    }
  });
}

/**
 * Runs the command. If the index turns out to be damaged, and nothing has been printed yet, reads
 * the log instead and runs the command again.
 */
function show(path: string, parsed: Arguments, config: Config, io: CliIo): number {
  const output = gathered(io);
  try {
    return showOnce(path, parsed, config, output);
  } catch (error) {
    if (!isDamagedIndex(error) || output.hasWritten) throw error;
    output.drop();
    doubtIndex(error);
    return showOnce(path, parsed, config, output);
  } finally {
    output.flush();
  }
}

function showOnce(path: string, parsed: Arguments, config: Config, io: CliIo): number {
  const { backup, names } = parsed;
  const reader = new BackupReader(path);
  try {
    if (parsed.isVerbose) checkLastChunk(reader, io);
    const at = timeOf(parsed.at, reader.index);
    if (at !== null) {
      requireKnown(reader.index, at, backup);
      io.stderr.write(`${backup}: as of ${timestampText(at)}\n`);
    }
    const missing = reader.index.snapshot(() => parsed.run({ reader, config, io, names, at }));
    for (const each of missing) io.stderr.write(`${backup}: ${each}\n`);
    const doubt = typeof parsed.at === 'number' ? futureNoteOf(reader.index) : null;
    if (doubt !== null) io.stderr.write(`${backup}: ${doubt}\n`);
    return missing.length === 0 && doubt === null ? 0 : BACKUP_FAILED;
  } finally {
    reader.close();
  }
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        f: flag('f'),
        m: flag('m'),
        u: flag('u'),
        v: { type: 'boolean', short: 'v', multiple: true },
        at: { type: 'string' },
        C: { type: 'string', short: 'C', default: DEFAULT_CONFIG },
      },
    });
  } catch (error) {
    throw usageError(messageOf(error));
  }
}

function interpret(argv: readonly string[]): Arguments {
  const { values, positionals } = parse(argv);
  const [backup, command, subcommand, ...names] = positionals;
  if (backup === undefined || command === undefined || subcommand === undefined) {
    throw usageError('a backup and a command are expected');
  }
  const name = `${command} ${subcommand}`;
  const spec = commands.get(name);
  if (spec === undefined) throw usageError(`no command ${name}`);
  const isFit =
    spec.takes === 'nothing'
      ? names.length === 0
      : spec.takes === 'one'
        ? names.length === 1
        : names.length > 0;
  if (!isFit) throw usageError(`${name} takes ${argumentsOf[spec.takes]}`);
  if (values.at !== undefined && spec.takesTime !== true) throw usageError(`${name} goes without --at`);
  const at = values.at === undefined ? null : atOf(values.at);
  const isVerbose = values.v !== undefined;
  return { config: values.C, mode: modeOf(values, 'user'), backup, run: spec.run, names, at, isVerbose };
}

function atOf(text: string): number | 'now' {
  return saysNow(text) ? 'now' : parsePast(text, nowSeconds(), '--at');
}

/**
 * Returns the time that --at means. "now" includes lines dated in the future, which were written
 * while the clock was ahead.
 */
function timeOf(at: Arguments['at'], index: IndexFile): number | null {
  return at === 'now' ? Math.max(nowSeconds(), lastTimestamp(index) ?? 0) : at;
}

const argumentsOf: Record<CommandSpec['takes'], string> = {
  nothing: 'no argument',
  one: 'one argument',
  some: 'an argument or more',
};
