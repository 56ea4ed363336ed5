/**
 * The command line of restore, as data: the original's single-letter options (cyrus-imapd
 * backup/restore.c), and the options that are new here, which are whole words.
 */
import { defineProgram } from '../../common/commandLine/program.ts';
import { configOption } from '../../common/commonOptions.ts';
import { loginOptions } from '../../common/commandLine/loginOptions.ts';
import { whatOptions } from './what.ts';
import { whereOptions } from './where.ts';

const MODES = 'Modes (whose mail; at most one)';

export const restore = defineProgram({
  name: 'restore',
  summary: 'restore mail and everything else from backups',
  details:
    'SERVER is a Cyrus server, imapd or sync_server: HOST, HOST:PORT, imap://, imaps:// or csync://[USER@]HOST[:PORT]. ' +
    'With `--to`, there is no SERVER. BACKUP is a userid, unless a mode is given. ' +
    'OBJECT is the name or uniqueid of a mailbox, or the GUID of a message.',
  operands: [
    { name: 'SERVER', isOptional: true },
    { name: 'BACKUP', isOptional: true, completion: 'user' },
    { name: 'OBJECT', isOptional: true, isRepeated: true, completion: 'mailbox' },
  ],
  exclusive: [
    ['file', 'mailbox', 'users', 'allUsers', 'domain'],
    ['onlyExpunged', 'withoutExpunged'],
    ['withExpunged', 'withoutExpunged'],
    ['at', 'between'],
  ],
  options: {
    ...whatOptions,
    ...whereOptions,
    ...loginOptions,
    users: {
      type: 'list',
      short: 'u',
      argument: 'USER',
      completion: 'user',
      group: MODES,
      help: 'the backup of a userid (the default); repeat it for more users',
    },
    mailbox: {
      type: 'text',
      short: 'm',
      argument: 'MAILBOX',
      completion: 'mailbox',
      group: MODES,
      help: 'the backup that a mailbox belongs to',
    },
    file: {
      type: 'text',
      short: 'f',
      argument: 'FILE',
      completion: 'file',
      group: MODES,
      help: 'the backup in a data file',
    },
    domain: {
      type: 'text',
      long: 'domain',
      argument: 'DOMAIN',
      completion: 'domain',
      group: MODES,
      help: 'all backups of a domain',
    },
    allUsers: { type: 'flag', long: 'all-users', group: MODES, help: 'all backups' },
    config: configOption,
  },
  examples: [
    { command: 'restore -n mail.example.com anne INBOX', does: 'show what would be restored' },
    {
      command: 'restore --between 2h now mail.example.com anne',
      does: 'what anne deleted in the last two hours',
    },
    { command: 'restore -a --to zip:anne.zip anne', does: "all of anne's mail, as a file" },
  ],
});
