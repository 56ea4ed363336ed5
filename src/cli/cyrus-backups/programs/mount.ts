/** The command line of `cyrus-backups mount`, as data. */
import { defineProgram } from '../../common/commandLine/program.ts';
import { configOption } from '../../common/commonOptions.ts';

export const mountProgram = defineProgram({
  name: 'cyrus-backups mount',
  summary: 'show all backed-up mail as a read-only file system',
  operands: [{ name: 'MOUNTPOINT', completion: 'folder' }],
  options: {
    config: configOption,
    foreground: {
      type: 'flag',
      short: 'f',
      long: 'foreground',
      help: 'stay in the foreground, and log to standard error',
    },
    mountOptions: {
      type: 'list',
      short: 'o',
      argument: 'OPTION[,OPTION...]',
      help: 'mount options; see cyrus-backups-mount(8)',
    },
  },
  examples: [
    { command: 'cyrus-backups mount /mnt/mail', does: 'the mail of all users' },
    {
      command: 'cyrus-backups mount -o users=anne,at=yesterday /mnt/mail',
      does: "anne's mail as it was when yesterday began",
    },
    { command: 'umount /mnt/mail', does: 'end the mount' },
  ],
});
