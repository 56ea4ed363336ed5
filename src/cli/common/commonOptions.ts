/** Options that several programs share. */
import { disk } from '../../fs/disk/current.ts';
import type { OptionSpec } from './commandLine/program.ts';

/** Where an installation keeps a configuration of its own, apart from that of a Cyrus server. */
export const OWN_CONFIG = '/etc/cyrus-backups/imapd.conf';
const CYRUS_CONFIG = '/etc/imapd.conf';

/** The default path of imapd.conf: our own, or where there is none, the one of Cyrus. */
export const DEFAULT_CONFIG = disk.exists(OWN_CONFIG) ? OWN_CONFIG : CYRUS_CONFIG;

export const configOption = {
  type: 'text',
  short: 'C',
  long: 'config',
  argument: 'FILE',
  default: DEFAULT_CONFIG,
  defaultText: `${OWN_CONFIG}, or ${CYRUS_CONFIG}`,
  completion: 'file',
  help: 'read this configuration',
} as const satisfies OptionSpec;

/** The heading of the options that say what the names on the command line are. */
export const MODES = 'Modes (what the names are; at most one)';

/** The modes. Their keys are those of `Mode` in select.ts. */
export const modeOptions = {
  file: {
    type: 'flag',
    short: 'f',
    long: 'file',
    group: MODES,
    help: 'paths of data files',
  },
  mailbox: {
    type: 'flag',
    short: 'm',
    long: 'mailbox',
    group: MODES,
    help: 'mailboxes: the backups that they belong to',
    more:
      'Mailbox names are written as an administrator sees them: `user/anne/Work@example.com`, ' +
      'with `unixhierarchysep: no` `user.anne.Work@example.com`.',
  },
  user: {
    type: 'flag',
    short: 'u',
    long: 'user',
    group: MODES,
    help: 'userids (this is the default)',
    more: 'The backup of shared mailboxes has the userid `%SHARED`.',
  },
} as const satisfies Record<string, OptionSpec>;
