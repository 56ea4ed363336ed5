/**
 * `cyr_backup [options] [mode] backup list|show|dump|json ...`: shows what one backup holds.
 * Options, output and exit codes are those of the originals' tool (cyrus-imapd
 * backup/cyr_backup.c). It takes no lock, so it can be used while a master replicates.
 */
import { futureNoteOf, requireKnown } from '../../backup/clock.ts';
import { BackupReader, doubtIndex } from '../../backup/reader.ts';
import { loadConfig } from '../../config/imapdConf.ts';
import type { Config } from '../../config/imapdConf.ts';
import { BackupError, exitCodeOf, messageOf } from '../../errors.ts';
import type { IndexFile } from '../../index/store/indexFile.ts';
import { isDamagedIndex } from '../../index/store/indexErrors.ts';
import { lastTimestamp } from '../../index/queries/timestamps.ts';
import { timestampText, nowSeconds, parsePast, saysNow } from '../../mailbox/timestamp.ts';
import type { Parsed } from '../common/commandLine/parse.ts';
import { TRY_AGAIN, worse } from '../common/exitCodes.ts';
import { runInProcess, runProgram } from '../common/run.ts';
import { modeOf, selectTargets, withLabel } from '../common/select.ts';
import type { Mode } from '../common/select.ts';
import { checkLastChunk } from './check.ts';
import type { InspectCommand } from './command.ts';
import { dumpChunk, dumpMailbox, dumpMessage } from './dump.ts';
import { jsonHistory, showHistory } from './history.ts';
import { jsonChunks, jsonHeaders, jsonMailboxes, jsonMessages } from './json.ts';
import { listAll, listChunks, listMailboxes, listMessages } from './list.ts';
import { showChunks, showMailboxes, showMessages } from './show.ts';
import { cyrBackup } from './program.ts';
import { gathered } from '../ctl_backups/run/gatheredOutput.ts';
import type { CliIo } from '../common/io.ts';

type Command = keyof NonNullable<(typeof cyrBackup)['commands']>;

const commands: Readonly<Record<Command, InspectCommand>> = {
  'list all': listAll,
  'list chunks': listChunks,
  'list mailboxes': listMailboxes,
  'list messages': listMessages,
  'show chunks': showChunks,
  'show mailboxes': showMailboxes,
  'show messages': showMessages,
  'dump chunk': dumpChunk,
  'dump mailbox': dumpMailbox,
  'dump message': dumpMessage,
  'json chunks': jsonChunks,
  'json mailboxes': jsonMailboxes,
  'json messages': jsonMessages,
  'json headers': jsonHeaders,
  'json history': jsonHistory,
  history: showHistory,
};

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

/** Resolves to the exit code (src/cli/common/exitCodes.ts). */
export function runCyrBackup(argv: readonly string[], io: CliIo): Promise<number> {
  return runProgram(cyrBackup, argv, io, (line) => {
    const parsed = interpret(line);
    const config = loadConfig(parsed.config);
    const [target] = [...selectTargets(config, parsed.mode, [parsed.backup])];
    try {
      const path = target?.path ?? null;
      if (path === null) {
        const { fault } = target ?? {};
        throw new BackupError(
          fault === undefined ? 'no-user' : 'damaged',
          fault ?? 'not found in backups.db',
        );
      }
      return show(path, parsed, config, io);
    } catch (error) {
      if (!(error instanceof BackupError)) throw error;
      io.stderr.write(`${withLabel(parsed.backup, messageOf(error))}\n`);
      return exitCodeOf[error.kind];
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
    for (const { text } of missing) io.stderr.write(`${backup}: ${text}\n`);
    const doubt = typeof parsed.at === 'number' ? futureNoteOf(reader.index) : null;
    if (doubt !== null) io.stderr.write(`${backup}: ${doubt}\n`);
    return missing.map(({ exitCode }) => exitCode).reduce(worse, doubt === null ? 0 : TRY_AGAIN);
  } finally {
    reader.close();
  }
}

function interpret({ command, values, operands }: Parsed<(typeof cyrBackup)['options'], Command>): Arguments {
  const [backup = '', ...names] = operands;
  const run = commands[command];
  const at = values.at === undefined ? null : atOf(values.at);
  const isVerbose = values.verbose > 0;
  return { config: values.config, mode: modeOf(values, 'user'), backup, run, names, at, isVerbose };
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
