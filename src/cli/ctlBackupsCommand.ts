/**
 * What the commands of ctl_backups share: their options, what may become of a backup, and the line that says so, as the
 * originals print it (cyrus-imapd backup/ctl_backups.c, print_status). Details go to standard output before it; with -j,
 * where that holds nothing but JSON, to standard error.
 */
import type { Readable } from 'node:stream';
import { LockedFile } from '../fs/lockedFile.ts';
import type { VerifyLevel } from '../backup/options.ts';
import type { Config } from '../config/imapdConf.ts';
import { BackupError, messageOf } from '../errors.ts';
import type { FiguresFile } from '../index/figuresFile.ts';
import { writeJson } from './commonJson.ts';
import type { FoundTarget, Target } from './commonSelect.ts';
import { textOf } from './commonText.ts';
import type { CliIo } from './io.ts';

/** Plain data: it is handed to other processes as it is. */
export interface CtlOptions {
  readonly config: Config;
  readonly isJson: boolean;
  readonly verbosity: number;
  readonly waitsForLocks: boolean;
  readonly isForced: boolean;
  /** compact: what counts as now, in unix seconds (trustedClock.ts). */
  readonly presentS: number;
  /** compact: nearly everything may go. */
  readonly mayDropMost: boolean;
  /** Units and columns for people. */
  readonly isHuman: boolean;
  readonly isColoured: boolean;
  readonly verify: { readonly level: VerifyLevel; readonly readsAll: boolean; readonly repairs: boolean };
  /** list: only what has had no update for so many hours. */
  readonly staleHours: number | null;
}

export interface CtlIo extends CliIo {
  /** What list and stat know from before. */
  readonly figures?: FiguresFile | null;
  readonly stdin?: Readable & { readonly isTTY?: boolean };
  /** Hears how far the work on the backup at hand is. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
}

/** What became of one backup. */
export type Outcome = 'ok' | 'skipped' | 'locked' | 'failed';

/** A command that works on each backup by itself. */
export type BackupCommand = (
  target: FoundTarget,
  options: CtlOptions,
  io: CtlIo,
) => Promise<Outcome> | Outcome;

export type Print = (line: string) => void;

/** How a task ended: null is ok. */
export interface Ending {
  readonly outcome: Exclude<Outcome, 'ok'>;
  readonly reason: string;
  /** What else -j prints. */
  readonly report?: object;
}

export function failed(reason: string): Ending {
  return { outcome: 'failed', reason };
}

/** Does the task and prints its status line. Whatever is thrown is this backup's failure: the run goes on with the others. */
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
  return printEnding(command, target, options, io, ending);
}

/** What is no BackupError is a bug of ours, and its stack is wanted. */
function failureOf(error: unknown, target: Target, io: CliIo): Ending {
  if (error instanceof BackupError)
    return { outcome: error.kind === 'locked' ? 'locked' : 'failed', reason: messageOf(error) };
  const { stack = '' } = error instanceof Error ? error : {};
  io.stderr.write(`${target.label}: internal error: ${stack}\n`);
  return failed(`internal error: ${messageOf(error)}`);
}

/** As failureOf, for commands without a status line. */
export function failedToShow(error: unknown, target: Target, io: CliIo): Outcome {
  const { outcome, reason } = failureOf(error, target, io);
  io.stderr.write(`${target.label}: ${reason}\n`);
  return outcome;
}

/** Prints the status line. null: all went well. */
export function printEnding(
  command: string,
  target: FoundTarget,
  options: CtlOptions,
  io: CtlIo,
  ending: Ending | null,
): Outcome {
  const outcome = ending?.outcome ?? 'ok';
  const status = outcome === 'failed' ? `failed (${ending?.reason})` : outcome;
  const userid = target.userid === null ? undefined : textOf(target.userid);
  if (options.isJson) writeJson(io, { command, userid, fname: target.path, status, ...ending?.report });
  else io.stdout.write(`${command} ${userid ?? target.path}: ${coloured(status, outcome, options)}\n`);
  return outcome;
}

/** As reporting, with the backup's lock held during the task. */
export function underLock(
  command: string,
  target: FoundTarget,
  options: CtlOptions,
  io: CtlIo,
  task: (file: LockedFile, print: Print) => Promise<Ending | null>,
): Promise<Outcome> {
  return reporting(command, target, options, io, async (print) => {
    const file = await acquire(target, options);
    try {
      return await task(file, print);
    } finally {
      file.release();
    }
  });
}

/** The backup's lock, waited for only with -w. */
function acquire(target: FoundTarget, options: CtlOptions): Promise<LockedFile> {
  return LockedFile.acquire(target.path, options.waitsForLocks ? { wait: {} } : {});
}

const SGR: Record<Outcome, number> = { ok: 32, skipped: 33, locked: 33, failed: 31 };

function coloured(text: string, outcome: Outcome, { isColoured }: CtlOptions): string {
  return isColoured ? `\u001b[${SGR[outcome]}m${text}\u001b[0m` : text;
}
