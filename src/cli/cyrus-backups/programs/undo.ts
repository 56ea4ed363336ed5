/** The command line of `cyrus-backups undo`, as data. */
import { defineProgram } from '../../common/commandLine/program.ts';
import { configOption } from '../../common/commonOptions.ts';
import { loginOptions, timeoutOption } from '../../common/commandLine/loginOptions.ts';

export const undoProgram = defineProgram({
  name: 'cyrus-backups undo',
  summary: 'take back on a living server what happened to a user between two times',
  details:
    'Prints a plan, then does it. What changed after the second time is left as it is, so a second run changes nothing. The server is written as for restore.',
  operands: [{ name: 'SERVER' }, { name: 'USER', completion: 'user' }],
  options: {
    config: configOption,
    between: {
      type: 'pair',
      long: 'between',
      arguments: ['TIME', 'TIME'],
      help: 'what happened after the first time and up to the second; required',
      more: 'Times are written as for `restore --at`.',
    },
    only: {
      type: 'text',
      long: 'only',
      argument: 'LIST',
      default: 'deletes,moves,flags,acl',
      help: 'only these kinds of changes, separated by commas',
    },
    isDryRun: { type: 'flag', short: 'n', long: 'dry-run', help: 'print the plan, and do nothing' },
    json: { type: 'flag', short: 'j', long: 'json', help: 'print the steps as JSON' },
    timeout: { ...timeoutOption, default: 300 },
    ...loginOptions,
  },
  examples: [
    {
      command: 'cyrus-backups undo -n --between 2h 1h mail.example.com anne',
      does: 'what an undo of that hour would do',
    },
    {
      command: 'cyrus-backups undo --only deletes --between @1795382150 now mail.example.com anne',
      does: 'bring back what was deleted since',
    },
  ],
});
