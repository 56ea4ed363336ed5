/** The command line of `cyrus-backups reports`, as data. */
import { defineProgram } from '../../common/commandLine/program.ts';
import { configOption } from '../../common/commonOptions.ts';

export const reportsProgram = defineProgram({
  name: 'cyrus-backups reports',
  summary: 'check and show the signed reports of prove, drill and erase',
  details:
    'Without FILE, lists all reports of the store, and checks that each is as it was signed and that none was removed in between. With FILE, checks and prints it.',
  operands: [{ name: 'FILE', isOptional: true, isRepeated: true, completion: 'file' }],
  options: {
    config: configOption,
    key: {
      type: 'text',
      long: 'key',
      argument: 'FILE',
      completion: 'file',
      help: 'check with this public key, not with that of the store',
    },
    publicKey: { type: 'flag', long: 'public-key', help: 'print the public key, to be kept elsewhere' },
  },
  examples: [
    { command: 'cyrus-backups reports --public-key > key.pem', does: 'once; keep it on another machine' },
    { command: 'cyrus-backups reports --key key.pem', does: 'nobody has changed or removed a report' },
  ],
});
