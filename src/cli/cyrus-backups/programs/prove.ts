/** The command line of `cyrus-backups prove`, as data. */
import { defineProgram } from '../../common/commandLine/program.ts';
import { configOption } from '../../common/commonOptions.ts';
import { loginOptions, timeoutOption } from '../../common/commandLine/loginOptions.ts';

const SAMPLE = 'What is compared';
const PACE = 'Pace';

export const proveProgram = defineProgram({
  name: 'cyrus-backups prove',
  summary: 'compare backups with the live server, and sign a report',
  details:
    'Compares every mailbox with the checksums that the server itself keeps, reads some messages on both sides, and tells what is wrong from what the server has changed since. Without USER, all users are compared, and those without a backup are named. The server is written as for restore; only an imapd (imap://) can list its mailboxes.',
  operands: [{ name: 'SERVER' }, { name: 'USER', isOptional: true, isRepeated: true, completion: 'user' }],
  options: {
    config: configOption,
    sample: {
      type: 'text',
      long: 'sample',
      argument: 'N',
      default: '3',
      group: SAMPLE,
      help: 'read N random messages of each user on both sides; `all` for all',
    },
    isThorough: {
      type: 'flag',
      long: 'records',
      group: SAMPLE,
      help: 'compare every record, not only those of mailboxes whose checksums differ',
      more: 'This finds a record that was damaged in the index of the server: its checksum stays as it was.',
    },
    rate: {
      type: 'number',
      long: 'rate',
      argument: 'N',
      least: 1,
      default: 50,
      group: PACE,
      help: 'ask the server at most N questions a second',
    },
    bytes: {
      type: 'number',
      long: 'rate-mib',
      argument: 'N',
      least: 1,
      default: 10,
      group: PACE,
      help: 'read at most N MiB of messages a second',
    },
    stale: {
      type: 'number',
      isFraction: true,
      least: 0,
      long: 'stale',
      argument: 'HOURS',
      default: 0,
      group: PACE,
      help: 'leave out users who were compared less than HOURS ago',
    },
    minutes: {
      type: 'number',
      least: 1,
      long: 'for',
      argument: 'MINUTES',
      group: PACE,
      help: 'begin no more users after MINUTES; the next run goes on with the others',
    },
    settle: {
      type: 'number',
      least: 0,
      long: 'settle',
      argument: 'SECONDS',
      default: 10,
      group: PACE,
      help: 'compare a user who differs again after at least SECONDS, twice',
    },
    grace: {
      type: 'number',
      isFraction: true,
      least: 0,
      long: 'grace',
      argument: 'HOURS',
      default: 24,
      help: 'a change that the backup still lacks after HOURS is wrong',
    },
    json: { type: 'flag', short: 'j', long: 'json', help: 'print the lines of the report' },
    timeout: { ...timeoutOption, default: 300 },
    ...loginOptions,
  },
  examples: [
    {
      command: 'cyrus-backups prove --for 240 --stale 20 imap://mail.example.com',
      does: 'every night, for four hours at most',
    },
    {
      command: 'cyrus-backups prove --records --sample all mail.example.com anne',
      does: 'one user, to the last byte',
    },
  ],
});
