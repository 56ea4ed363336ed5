/**
 * Shared by the commands of ctl_backups: their options, the possible outcomes for a backup, and the
 * status line that reports them, as the originals print it (cyrus-imapd backup/ctl_backups.c,
 * print_status).
 *
 * Details go to standard output before the status line. With -j, where standard output holds only
 * JSON, they go to standard error.
 */
import type { Readable } from 'node:stream';
import type { VerifyLevel } from '../../backup/options.ts';
import type { Config } from '../../config/imapdConf.ts';
import { BackupError, exitCodeOf, messageOf } from '../../errors.ts';
import type { ErrorKind } from '../../errors.ts';
import type { StatsCache } from '../../index/store/statsCache.ts';
import type { StatusReader } from '../../status/statusReader.ts';
import { SOFTWARE_FAILED } from '../common/exitCodes.ts';
import { writeJson } from '../common/json.ts';
import { withLabel } from '../common/select.ts';
import type { FoundTarget, Target } from '../common/select.ts';
import { textOf } from '../common/text.ts';
import type { CliIo } from '../common/io.ts';

/**
 * The options of a command. They are plain data, because they are also sent to worker processes.
 */
export interface CtlOptions {
  readonly config: Config;
  readonly isJson: boolean;
  readonly verbosity: number;
  readonly waitsForLocks: boolean;
  readonly isForced: boolean;
  /** compact: the time that counts as now, in unix seconds (trustedClock.ts). */
  readonly presentS: number;
  /** compact: allows dropping all or nearly all messages (--force-drop). */
  readonly mayDropMost: boolean;
  /** Prints sizes with units and in columns, for people to read. */
  readonly isHuman: boolean;
  readonly isColoured: boolean;
  readonly verify: { readonly level: VerifyLevel; readonly readsAll: boolean; readonly repairs: boolean };
  /** list: shows only backups without an update in this many hours. */
  readonly staleHours: number | null;
}

export interface CtlIo extends CliIo {
  /** The stats cache that list and stat use. */
  readonly figures?: StatsCache | null;
  /** The status store, where list and stat show it. */
  readonly status?: StatusReader | undefined;
  readonly stdin?: Readable & { readonly isTTY?: boolean };
  /** Called with the progress of the work on the current backup. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
}

/** The word with which the status line ends. */
export type Status = 'ok' | 'skipped' | 'locked' | 'failed';

/** The message for an empty data file, in which nothing can be listed or verified. */
export const EMPTY = 'the backup is empty: nothing that a master has sent is in it';

/** The result of a command for one backup. */
export interface Outcome {
  readonly status: Status;
  readonly exitCode: number;
}

export const OK: Outcome = { status: 'ok', exitCode: 0 };

/** A command that handles each backup separately. */
export type BackupCommand = (
  target: FoundTarget,
  options: CtlOptions,
  io: CtlIo,
) => Promise<Outcome> | Outcome;

export type Print = (line: string) => void;

/** The outcome of a task that did not succeed. A task returns null for success. */
export interface Ending extends Outcome {
  readonly status: Exclude<Status, 'ok'>;
  readonly reason: string;
  /** Additional members for the JSON object of -j. */
  readonly report?: object;
}

export function failed(kind: ErrorKind, reason: string): Ending {
  return { status: 'failed', exitCode: exitCodeOf[kind], reason };
}

export const NOTHING_TO_DO: Ending = { status: 'skipped', exitCode: 0, reason: 'nothing to do' };

/**
 * Runs the task and prints its status line. An exception counts as this backup's failure, and the
 * run continues with the other backups.
 */
export async function reporting(
  command: string,
  target: FoundTarget,
  options: CtlOptions,
  io: CtlIo,
  task: (print: Print) => Promise<Ending | null>,
): Promise<Outcome> {
  const details = options.isJson ? io.stderr : io.stdout;
  let ending: Ending | null;
  try {
    ending = await task((line) => void details.write(`${line}\n`));
  } catch (error) {
    ending = failureOf(error, target, io);
  }
  if (ending !== null && ending.status !== 'failed' && options.verbosity > 0) {
    io.stderr.write(`${withLabel(target.label, ending.reason)}\n`);
  }
  return printEnding(command, target, options, io, ending);
}

/** An error that is no BackupError is a bug of this program, so its stack is printed. */
function failureOf(error: unknown, target: Target, io: CliIo): Ending {
  if (error instanceof BackupError) {
    const ending = failed(error.kind, messageOf(error));
    return error.kind === 'locked' ? { ...ending, status: 'locked' } : ending;
  }
  const { stack = '' } = error instanceof Error ? error : {};
  io.stderr.write(`${target.label}: internal error: ${stack}\n`);
  return { status: 'failed', exitCode: SOFTWARE_FAILED, reason: `internal error: ${messageOf(error)}` };
}

/** Reports an error as failureOf does, for commands without a status line. */
export function failedToShow(error: unknown, target: Target, io: CliIo): Outcome {
  const { status, exitCode, reason } = failureOf(error, target, io);
  io.stderr.write(`${withLabel(target.label, reason)}\n`);
  return { status, exitCode };
}

/** Prints the status line. `ending` is null for success. */
export function printEnding(
  command: string,
  target: FoundTarget,
  options: CtlOptions,
  io: CtlIo,
  ending: Ending | null,
): Outcome {
  const { status, exitCode } = ending ?? OK;
  const words = status === 'failed' ? `failed (${ending?.reason})` : status;
  const userid = target.userid === null ? undefined : textOf(target.userid);
  if (options.isJson)
    writeJson(io, { command, userid, fname: target.path, status: words, ...ending?.report });
  else io.stdout.write(`${command} ${userid ?? target.path}: ${coloured(words, status, options)}\n`);
  return { status, exitCode };
}

const SGR: Record<Status, number> = { ok: 32, skipped: 33, locked: 33, failed: 31 };

function coloured(text: string, status: Status, { isColoured }: CtlOptions): string {
  return isColoured ? `\u001b[${SGR[status]}m${text}\u001b[0m` : text;
}
