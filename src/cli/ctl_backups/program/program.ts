/** The command line of ctl_backups, as data. */
import { defineProgram } from '../../common/commandLine/program.ts';
import { commands } from './commands.ts';
import { options } from './options.ts';

export const ctlBackups = defineProgram({
  name: 'ctl_backups',
  summary: 'administer backups',
  commands,
  exclusive: [
    ['all', 'domain', 'prefix', 'file', 'mailbox', 'user'],
    ['json', 'verbose'],
    ['untilEof', 'sqlite', 'exec'],
  ],
  options,
});
