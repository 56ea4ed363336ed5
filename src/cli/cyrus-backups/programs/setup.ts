/** The command line of `cyrus-backups setup`, as data. */
import { defineProgram } from '../../common/commandLine/program.ts';

export const setupProgram = defineProgram({
  name: 'cyrus-backups setup',
  summary: 'set up a backup server: configuration, folders, password, and what a master needs',
  details:
    'On a terminal it asks for what is not given. Otherwise it takes the defaults, and the password ' +
    'from --password-file. It prints the lines for the configuration of the master, and tests ' +
    'a login. It changes nothing that exists already: run it again at any time.',
  operands: [],
  options: {
    config: {
      type: 'text',
      short: 'C',
      long: 'config',
      argument: 'FILE',
      completion: 'file',
      help: 'the configuration to write (default /etc/cyrus-backups/imapd.conf, or for an ordinary user ~/.config/cyrus-backups/imapd.conf)',
    },
    account: {
      type: 'text',
      long: 'account',
      argument: 'NAME',
      completion: 'user',
      help: 'the account that backupd runs as, and that owns the store (default cyrus-backups, else cyrus; only for root)',
    },
    state: {
      type: 'text',
      long: 'state',
      argument: 'FOLDER',
      completion: 'folder',
      help: 'folder of the databases and the password file (default /var/lib/cyrus-backups)',
    },
    partition: {
      type: 'text',
      long: 'partition',
      argument: 'FOLDER',
      completion: 'folder',
      help: 'folder of the backups (default /var/spool/cyrus-backups)',
    },
    listen: {
      type: 'list',
      long: 'listen',
      argument: 'ADDRESS',
      help: 'where backupd listens: HOST:PORT, or HOST:PORT/tls; repeat it for more (default 127.0.0.1:2005)',
    },
    syncHost: {
      type: 'text',
      long: 'sync-host',
      argument: 'HOST',
      help: 'the name by which masters reach this machine',
    },
    admin: {
      type: 'text',
      long: 'admin',
      argument: 'NAME',
      help: 'the name that masters log in with (default repluser)',
    },
    channel: {
      type: 'text',
      long: 'channel',
      argument: 'NAME',
      default: 'backup',
      help: 'the replication channel on the masters',
    },
    passwordFile: {
      type: 'text',
      long: 'password-file',
      argument: 'FILE',
      completion: 'file',
      help: 'read the password of masters from the first line of this file; - is standard input',
    },
    retention: {
      type: 'text',
      long: 'retention',
      argument: 'TIME',
      help: 'how long history is kept, such as 30d; 0 is for ever (default 30d)',
    },
    tlsCert: {
      type: 'text',
      long: 'tls-cert',
      argument: 'FILE',
      completion: 'file',
      help: 'the certificate of this server, with its chain',
    },
    tlsKey: {
      type: 'text',
      long: 'tls-key',
      argument: 'FILE',
      completion: 'file',
      help: 'the private key of the certificate',
    },
    masterConf: {
      type: 'text',
      long: 'master-conf',
      argument: 'FILE',
      completion: 'file',
      help: "a copy of the master's imapd.conf: options that must be equal are taken from it",
    },
    isDryRun: { type: 'flag', short: 'n', long: 'dry-run', help: 'say what would be done, and do nothing' },
    isForced: {
      type: 'flag',
      long: 'force',
      help: 'replace a configuration that is there, and a password that is set; the former file is kept',
    },
    skipsTest: { type: 'flag', long: 'no-test', help: 'do not test a login' },
  },
  examples: [
    { command: 'cyrus-backups setup', does: 'asks, as root, what it needs' },
    {
      command: 'cyrus-backups setup --listen 0.0.0.0:2005 --sync-host backup.example.com --password-file pw',
      does: 'asks nothing',
    },
  ],
});
