/** The command line of `cyrus-backups check`, as data. */
import { defineProgram } from '../../common/commandLine/program.ts';
import { configOption } from '../../common/commonOptions.ts';

export const checkProgram = defineProgram({
  name: 'cyrus-backups check',
  summary: 'look at a configuration and a store, and say what is wrong and what to do',
  operands: [],
  options: {
    config: configOption,
    listen: {
      type: 'list',
      long: 'listen',
      argument: 'ADDRESS',
      help: `an address at which backupd should answer, as in its own option; repeat it for more (default: backup_listen of the configuration)`,
    },
    json: { type: 'flag', short: 'j', long: 'json', help: 'print the findings as JSON' },
    isQuiet: { type: 'flag', short: 'q', long: 'quiet', help: 'print only what is wrong' },
  },
  examples: [{ command: 'cyrus-backups check -q', does: 'prints nothing if all is well' }],
});
