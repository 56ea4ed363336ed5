/** The command line of `cyrus-backups xbackup`, as data. */
import { defineProgram } from '../../common/commandLine/program.ts';
import { configOption } from '../../common/commonOptions.ts';
import { loginOptions, timeoutOption } from '../../common/commandLine/loginOptions.ts';

export const xbackupProgram = defineProgram({
  name: 'cyrus-backups xbackup',
  summary: 'have a Cyrus server replicate its users to this backup server now',
  details:
    'The server needs `xbackup_enabled: yes`; it is written as for restore, such as HOST or HOST:PORT.',
  operands: [{ name: 'SERVER' }],
  options: {
    config: configOption,
    pattern: {
      type: 'text',
      long: 'pattern',
      argument: 'PATTERN',
      default: '*',
      help: 'only mailboxes of that name, such as `user/anne` or `user/%@example.com`',
    },
    channel: {
      type: 'text',
      long: 'channel',
      argument: 'NAME',
      default: 'backup',
      help: "the channel of the server's imapd.conf to replicate over",
    },
    stale: {
      type: 'number',
      isFraction: true,
      least: 0,
      long: 'stale',
      argument: 'HOURS',
      help: 'only users whose backup was last written to longer ago, or does not exist',
    },
    isDryRun: {
      type: 'flag',
      short: 'n',
      long: 'dry-run',
      help: 'only print whom the server would be asked for',
    },
    json: { type: 'flag', short: 'j', long: 'json', help: 'print the results as JSON' },
    timeout: {
      ...timeoutOption,
      help: `${timeoutOption.help} (default: \`sync_timeout\`, 30 minutes)`,
      more: 'It says nothing while it replicates one user.',
    },
    ...loginOptions,
  },
  examples: [
    {
      command: 'cyrus-backups xbackup --stale 24 mail.example.com',
      does: 'every user without an update since yesterday; meant for cron',
    },
  ],
});
