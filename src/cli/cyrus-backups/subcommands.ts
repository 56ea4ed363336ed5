/**
 * The subcommands of cyrus-backups: the command line of each, as data, and how to load what it
 * runs. Each runs only its own modules: xbackup's IMAP client alone would take 25 MB of a mount's
 * memory, and half of its start-up time.
 */
import type { Parsed } from '../common/commandLine/parse.ts';
import type { Options, Program } from '../common/commandLine/program.ts';
import { adoptProgram } from './programs/adopt.ts';
import { checkProgram } from './programs/check.ts';
import { mountProgram } from './programs/mount.ts';
import { passwdProgram } from './programs/passwd.ts';
import { searchProgram } from './programs/search.ts';
import { searchIndexProgram } from './programs/searchIndex.ts';
import { proveProgram } from './programs/prove.ts';
import { reportsProgram } from './programs/reports.ts';
import { setupProgram } from './programs/setup.ts';
import { undoProgram } from './programs/undo.ts';
import { xbackupProgram } from './programs/xbackup.ts';
import type { PasswdIo } from './passwd.ts';

/** Runs a parsed command line. Resolves to the exit code. */
type Run<O extends Options> = (parsed: Parsed<O>, io: PasswdIo) => Promise<number>;

export interface Subcommand {
  readonly program: Program;
  load(): Promise<Run<Options>>;
}

function subcommand<O extends Options>(program: Program<O>, load: () => Promise<Run<O>>): Subcommand {
  // The dispatcher gives each command what the parser made of its own program.
  return { program, load: load as unknown as Subcommand['load'] };
}

export const SUBCOMMANDS: Readonly<Record<string, Subcommand>> = {
  mount: subcommand(mountProgram, async () => {
    const { backupTreeSource } = await import('./backupTreeSource.ts');
    const { mountRequest, mountTree } = await import('./mount.ts');
    return (parsed, io) => mountTree(mountRequest(parsed), io, backupTreeSource);
  }),
  setup: subcommand(setupProgram, async () => (await import('./setup/setup.ts')).setUp),
  adopt: subcommand(adoptProgram, async () => (await import('./adopt/adopt.ts')).adoptInstallation),
  check: subcommand(checkProgram, async () => (await import('./check/command.ts')).checkSite),
  passwd: subcommand(passwdProgram, async () => (await import('./passwd.ts')).changePassword),
  search: subcommand(searchProgram, async () => (await import('./search.ts')).searchMail),
  'search-index': subcommand(
    searchIndexProgram,
    async () => (await import('./searchIndex.ts')).buildSearchIndexes,
  ),
  prove: subcommand(proveProgram, async () => (await import('./prove/command.ts')).proveBackups),
  reports: subcommand(reportsProgram, async () => (await import('./reports.ts')).checkReports),
  undo: subcommand(undoProgram, async () => (await import('./undo.ts')).undoChanges),
  xbackup: subcommand(xbackupProgram, async () => (await import('./xbackup.ts')).askForBackups),
};
