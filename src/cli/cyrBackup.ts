/**
 * `cyr_backup [options] [mode] backup list|dump|json ...`: looks into one backup, with the options, output and exit codes of
 * the originals' tool (cyrus-imapd backup/cyr_backup.c). It never locks, so it may be used while a master replicates.
 */
import { parseArgs } from 'node:util';
import { BackupReader } from '../backup/reader.ts';
import { loadConfig } from '../config/imapdConf.ts';
import { BackupError, messageOf } from '../errors.ts';
import { DEFAULT_CONFIG } from './catalogOptions.ts';
import { BACKUP_FAILED, guarded, runInProcess, usageError } from './commonRun.ts';
import { flag, modeOf, selectTargets } from './commonSelect.ts';
import type { Mode } from './commonSelect.ts';
import { dumpChunk, dumpMessage } from './cyrBackupDump.ts';
import { jsonChunks, jsonMailboxes, jsonMessages } from './cyrBackupJson.ts';
import { listAll, listChunks, listMailboxes, listMessages } from './cyrBackupList.ts';
import type { CliIo } from './io.ts';

const USAGE = `usage: cyr_backup [options] [mode] backup list chunks|mailboxes|messages|all
       cyr_backup [options] [mode] backup dump chunk ID
       cyr_backup [options] [mode] backup dump message GUID
       cyr_backup [options] [mode] backup json chunks|mailboxes|messages

Options:
  -C FILE   configuration (default ${DEFAULT_CONFIG})
  -v        taken for the originals' sake: there is nothing more to say

Modes:
  -f        the backup is named by its data file
  -m        the backup that the mailbox named belongs to
  -u        the backup of the userid named (default)
`;

/** The snapshot that the command sees does not change while it runs. */
type Command = (reader: BackupReader, io: CliIo, argument: string) => void;

interface CommandSpec {
  readonly takesArgument: boolean;
  readonly run: Command;
}

const without = (run: Command): CommandSpec => ({ takesArgument: false, run });
const withOne = (run: Command): CommandSpec => ({ takesArgument: true, run });

const commands: ReadonlyMap<string, CommandSpec> = new Map([
  ['list all', without(listAll)],
  ['list chunks', without(listChunks)],
  ['list mailboxes', without(listMailboxes)],
  ['list messages', without(listMessages)],
  ['dump chunk', withOne(dumpChunk)],
  ['dump message', withOne(dumpMessage)],
  ['json chunks', without(jsonChunks)],
  ['json mailboxes', without(jsonMailboxes)],
  ['json messages', without(jsonMessages)],
]);

interface Arguments {
  readonly config: string;
  readonly mode: Mode;
  readonly backup: string;
  readonly run: Command;
  readonly argument: string;
}

export function main(args: string[]): Promise<number> {
  return runInProcess(runCyrBackup, args);
}

/** Resolves to the exit code: 0, 64 usage, 75 where the backup or what was asked of it is not there, 78 configuration. */
export function runCyrBackup(argv: readonly string[], io: CliIo): Promise<number> {
  return guarded('cyr_backup', USAGE, io, async () => {
    const parsed = interpret(argv);
    const config = loadConfig(parsed.config);
    const [target] = [...selectTargets(config, parsed.mode, [parsed.backup])];
    try {
      const path = target?.path ?? null;
      if (path === null) throw new BackupError('not-found', 'not found in backups.db');
      const reader = new BackupReader(path);
      try {
        reader.index.snapshot(() => parsed.run(reader, io, parsed.argument));
      } finally {
        reader.close();
      }
      return 0;
    } catch (error) {
      if (!(error instanceof BackupError)) throw error;
      io.stderr.write(`${parsed.backup}: ${messageOf(error)}\n`);
      return BACKUP_FAILED;
    }
  });
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
        C: { type: 'string', short: 'C', default: DEFAULT_CONFIG },
      },
    });
  } catch (error) {
    throw usageError(messageOf(error));
  }
}

function interpret(argv: readonly string[]): Arguments {
  const { values, positionals } = parse(argv);
  const [backup, command, subcommand, ...rest] = positionals;
  if (backup === undefined || command === undefined || subcommand === undefined) {
    throw usageError('a backup and a command are expected');
  }
  const spec = commands.get(`${command} ${subcommand}`);
  if (spec === undefined) throw usageError(`no command ${command} ${subcommand}`);
  if (rest.length !== (spec.takesArgument ? 1 : 0)) {
    throw usageError(`${command} ${subcommand} takes ${spec.takesArgument ? 'one argument' : 'no argument'}`);
  }
  return {
    config: values.C,
    mode: modeOf(values, 'user'),
    backup,
    run: spec.run,
    argument: rest[0] ?? '',
  };
}
