/** The command line of `cyrus-backups adopt`, as data. */
import { defineProgram } from '../../common/commandLine/program.ts';
import { configOption } from '../../common/commonOptions.ts';

export const adoptProgram = defineProgram({
  name: 'cyrus-backups adopt',
  summary: 'take over an installation of the original backupd in place',
  details:
    'Without --apply it only reads and says what it would do. With it, each backup is verified and ' +
    'gets an index; backups.db and the data files stay as they are, and the original indexes are kept.',
  operands: [],
  options: {
    config: configOption,
    isApplied: { type: 'flag', long: 'apply', help: 'do it; stop the original backupd first' },
  },
});
