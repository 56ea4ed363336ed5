/** The command line of `cyrus-backups passwd`, as data. */
import { defineProgram } from '../../common/commandLine/program.ts';
import { configOption } from '../../common/commonOptions.ts';

export const passwdProgram = defineProgram({
  name: 'cyrus-backups passwd',
  summary: 'set the password that a master logs in with',
  details: 'The password is asked for on a terminal, or read from standard input: one line.',
  operands: [{ name: 'USER' }],
  options: {
    config: configOption,
    isDelete: { type: 'flag', short: 'd', long: 'delete', help: 'delete the user from the password file' },
  },
  examples: [{ command: 'cyrus-backups passwd repluser', does: 'asks for the new password twice' }],
});
