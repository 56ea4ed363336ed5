/**
 * `cyrus-backups COMMAND ...`: commands that the originals do not have. Each command's modules are
 * loaded only when it runs: xbackup's IMAP client alone would take 25 MB of a mount's memory, and
 * half of its start-up time.
 */
import { exitCodeOf } from '../../errors.ts';
import { VERSION } from '../common/version.ts';

const USAGE = `usage: cyrus-backups COMMAND [options]

  mount [-C imapd.conf] [-f|--foreground] MOUNTPOINT [-o OPTIONS]
                show all backed-up mail as a read-only file system
  check [-C imapd.conf] [--listen ADDRESS]... [--json] [-q]
                look at a configuration and a store, and say what is wrong and what to do
  passwd [-C imapd.conf] [-d] USER
                set (or with -d delete) a password that masters log in with; asked for on a terminal, else
                read from standard input
  xbackup [-C imapd.conf] [-n] [--pattern PATTERN] [--channel NAME] [--stale HOURS] [--json] [--user NAME]
          [--timeout SECONDS] [--password-file FILE] [--tls-ca FILE] [--tls-no-verify] [--no-tls] SERVER
                have a Cyrus server replicate its users here now
  --version, -h, --help

Servers and administration: backupd, ctl_backups, cyr_backup, restore.
`;

export async function main(args: string[]): Promise<number> {
  const [command, ...rest] = args;
  switch (command) {
    case 'mount':
      return mount(rest);
    case 'passwd':
      return (await import('./passwd.ts')).runPasswd(rest, process);
    case 'check':
      return (await import('./check/command.ts')).runCheckCommand(
        rest,
        (await import('../common/standardOutput.ts')).processIo,
      );
    case 'xbackup':
      return (await import('./xbackup.ts')).runXbackup(
        rest,
        (await import('../common/standardOutput.ts')).processIo,
      );
    case '--version':
      process.stdout.write(`cyrus-backups ${VERSION}\n`);
      return 0;
    case '--help':
    case '-h':
      process.stdout.write(USAGE);
      return 0;
    default:
      process.stderr.write(command === undefined ? USAGE : `cyrus-backups: no command ${command}\n${USAGE}`);
      return exitCodeOf.usage;
  }
}

async function mount(args: string[]): Promise<number> {
  const { backupTreeSource } = await import('./backupTreeSource.ts');
  const { runMount } = await import('./mount.ts');
  return runMount(args, process, backupTreeSource);
}
