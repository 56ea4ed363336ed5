/** The command line of cyrus-backups itself, as data: its subcommands come first. */
import { defineProgram } from '../common/commandLine/program.ts';
import { SUBCOMMANDS } from './subcommands.ts';

export const cyrusBackups = defineProgram({
  name: 'cyrus-backups',
  summary: 'mount backups of Cyrus IMAP servers, set replication passwords, ask for backups',
  details: 'Servers and administration: backupd, ctl_backups, cyr_backup, restore.',
  commands: Object.fromEntries(
    Object.entries(SUBCOMMANDS).map(([name, { program }]) => [
      name,
      { summary: program.summary, operands: program.operands ?? [] },
    ]),
  ),
  options: {},
});
