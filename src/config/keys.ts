/**
 * The one table of imapd.conf options that this project reads: name, type, default and meaning. Config's type is
 * derived from it, and so is the manual page. Names and defaults are those of cyrus-imapd 3.6 (lib/imapoptions);
 * options marked as ours are unknown to Cyrus, which ignores them.
 */

export type KeyType = 'switch' | 'int' | 'duration' | 'bytes' | 'enum' | 'string' | 'list';

export interface KeySpec {
  readonly name: string;
  readonly type: KeyType;
  /** As one would write it in imapd.conf; null is "not set". */
  readonly default: string | null;
  readonly meaning: string;
  /** duration: the unit of a bare number (d, h, m, s); bytes: K or B. */
  readonly unit?: 'd' | 'h' | 'm' | 's' | 'K' | 'B';
  /** enum: the values allowed. */
  readonly values?: readonly string[];
  /** list: what separates values; white space always does. */
  readonly separator?: ',';
  /** An older name of the option `replacedBy`, which wins where both are set. */
  readonly replacedBy?: string;
}

const PARTITION_MODES = [
  'random',
  'freespace-most',
  'freespace-percent-most',
  'freespace-percent-weighted',
  'freespace-percent-weighted-delta',
] as const;

/** A value that starts with `{configdirectory}` has that directory in its place. */
export const KEYS = [
  {
    name: 'configdirectory',
    type: 'string',
    default: null,
    meaning: 'Directory of the databases that belong to the installation. Required.',
  },
  {
    name: 'backup_db',
    type: 'enum',
    default: 'twoskip',
    values: ['twoskip', 'skiplist', 'sql', 'zeroskip'],
    meaning: 'Format of the database of backups. Only twoskip is supported.',
  },
  {
    name: 'backup_db_path',
    type: 'string',
    default: '{configdirectory}/backups.db',
    meaning: 'Absolute path of the database that knows where each user’s backup is.',
  },
  {
    name: 'backup_staging_path',
    type: 'string',
    default: null,
    meaning: 'Directory for messages that have arrived but belong to no backup yet; without it, backup in temp_path.',
  },
  {
    name: 'backup_passwd_file',
    type: 'string',
    default: '{configdirectory}/backup.passwd',
    meaning: 'Ours. File of the names and salted password hashes of those who may log in to backupd.',
  },
  {
    name: 'temp_path',
    type: 'string',
    default: '/tmp',
    meaning: 'Directory for temporary files.',
  },
  {
    name: 'backup_retention',
    type: 'duration',
    unit: 'd',
    default: '7d',
    meaning: 'How long content stays in a backup after it went from the server; zero or less is for ever.',
  },
  {
    name: 'backup_retention_days',
    type: 'duration',
    unit: 'd',
    default: null,
    replacedBy: 'backup_retention',
    meaning: 'Older name of backup_retention.',
  },
  {
    name: 'backup_compact_minsize',
    type: 'bytes',
    unit: 'K',
    default: '0',
    meaning: 'Compaction combines neighbouring chunks smaller than this (a bare number is kilobytes); 0 combines none.',
  },
  {
    name: 'backup_compact_maxsize',
    type: 'bytes',
    unit: 'K',
    default: '0',
    meaning: 'Compaction splits chunks larger than this (a bare number is kilobytes); 0 splits none.',
  },
  {
    name: 'backup_compact_work_threshold',
    type: 'int',
    default: '1',
    meaning: 'How many chunks must plainly need it before a backup is compacted; less than one counts as one.',
  },
  {
    name: 'backup_keep_previous',
    type: 'switch',
    default: 'no',
    meaning: 'Whether compact and reindex keep the files that they replace, under names that end in the time.',
  },
  {
    name: 'partition_select_mode',
    type: 'enum',
    default: 'freespace-most',
    values: PARTITION_MODES,
    meaning: 'How the backup partition of a new backup is chosen.',
  },
  {
    name: 'partition_select_exclude',
    type: 'list',
    separator: ',',
    default: null,
    meaning: 'Names of partitions that get no new backups.',
  },
  {
    name: 'partition_select_soft_usage_limit',
    type: 'int',
    default: '0',
    meaning: 'Percentage of use above which a partition gets no new backups, unless all are above it; 0 is no limit.',
  },
  {
    name: 'partition_select_usage_reinit',
    type: 'int',
    default: '0',
    meaning: 'After how many selections the partitions’ use is measured again; 0 measures once.',
  },
  {
    name: 'fulldirhash',
    type: 'switch',
    default: 'no',
    meaning: 'Whether data files are spread over directories by all of the userid instead of its first letter.',
  },
  {
    name: 'unixhierarchysep',
    type: 'switch',
    default: 'yes',
    meaning: 'Whether / separates the levels of mailbox names, instead of a dot.',
  },
  {
    name: 'altnamespace',
    type: 'switch',
    default: 'yes',
    meaning: 'Whether personal mailboxes stand beside INBOX, instead of below it.',
  },
  {
    name: 'userprefix',
    type: 'string',
    default: 'Other Users',
    meaning: 'With altnamespace, what other users’ mailboxes are listed under.',
  },
  {
    name: 'sharedprefix',
    type: 'string',
    default: 'Shared Folders',
    meaning: 'With altnamespace, what shared mailboxes are listed under.',
  },
  {
    name: 'virtdomains',
    type: 'enum',
    default: 'off',
    values: ['off', 'userid', 'on'],
    meaning: 'Whether userids carry domains.',
  },
  {
    name: 'defaultdomain',
    type: 'string',
    default: 'internal',
    meaning: 'With virtdomains, the domain of userids that carry none.',
  },
  {
    name: 'deletedprefix',
    type: 'string',
    default: 'DELETED',
    meaning: 'What the server keeps deleted mailboxes under.',
  },
  {
    name: 'admins',
    type: 'list',
    default: null,
    meaning: 'Userids that may replicate into the backup server.',
  },
  {
    name: 'servername',
    type: 'string',
    default: null,
    meaning: 'Host name to greet clients with; without it, the machine’s.',
  },
  {
    name: 'sync_timeout',
    type: 'duration',
    unit: 's',
    default: '30m',
    meaning: 'How long a connection may be silent; three seconds at the least.',
  },
  {
    name: 'failedloginpause',
    type: 'duration',
    unit: 's',
    default: '3s',
    meaning: 'How long to wait before a failed login is answered.',
  },
  {
    name: 'sasl_mech_list',
    type: 'list',
    default: null,
    meaning: 'Mechanisms to offer for logging in, of those that there are; without it, all.',
  },
  {
    name: 'sasl_pwcheck_method',
    type: 'list',
    default: null,
    meaning:
      'Who checks passwords, in order: auxprop (backup_passwd_file) or saslauthd. Without it, ' +
      'backup_passwd_file where that exists, else saslauthd.',
  },
  {
    name: 'sasl_saslauthd_path',
    type: 'string',
    default: '/run/saslauthd/mux',
    meaning: 'The socket of saslauthd.',
  },
  {
    name: 'sasl_minimum_layer',
    type: 'int',
    default: '0',
    meaning: 'Above 0, nobody may log in before STARTTLS.',
  },
  {
    name: 'allowplaintext',
    type: 'switch',
    default: 'no',
    meaning: 'Whether passwords may be sent over a connection without TLS.',
  },
  {
    name: 'tls_server_cert',
    type: 'list',
    separator: ',',
    default: null,
    meaning: 'File of the server’s certificate and its chain; two, parted by a comma, for two kinds of key.',
  },
  {
    name: 'tls_server_key',
    type: 'list',
    separator: ',',
    default: null,
    meaning: 'File of the certificate’s private key; without it, the key is in tls_server_cert.',
  },
  {
    name: 'tls_cert_file',
    type: 'list',
    separator: ',',
    default: null,
    replacedBy: 'tls_server_cert',
    meaning: 'Older name of tls_server_cert.',
  },
  {
    name: 'tls_key_file',
    type: 'list',
    separator: ',',
    default: null,
    replacedBy: 'tls_server_key',
    meaning: 'Older name of tls_server_key.',
  },
  {
    name: 'tls_client_ca_file',
    type: 'string',
    default: null,
    meaning: 'File of the authorities that clients’ certificates are checked against.',
  },
  {
    name: 'tls_ca_file',
    type: 'string',
    default: null,
    replacedBy: 'tls_client_ca_file',
    meaning: 'Older name of tls_client_ca_file.',
  },
  {
    name: 'tls_client_ca_dir',
    type: 'string',
    default: null,
    meaning: 'Directory of the authorities that clients’ certificates are checked against.',
  },
  {
    name: 'tls_client_certs',
    type: 'enum',
    default: 'optional',
    values: ['off', 'optional', 'require'],
    meaning: 'Whether clients are asked for a certificate, or must show one.',
  },
  {
    name: 'tls_require_cert',
    type: 'switch',
    default: 'no',
    meaning: 'Whether clients must show a certificate, as tls_client_certs: require.',
  },
  {
    name: 'tls_server_ca_file',
    type: 'string',
    default: null,
    meaning: 'File of the authorities that a server’s certificate is checked against when we are the client.',
  },
  {
    name: 'tls_versions',
    type: 'list',
    default: 'tls1_0 tls1_1 tls1_2 tls1_3',
    meaning: 'Versions of TLS that are allowed.',
  },
  {
    name: 'tls_ciphers',
    type: 'string',
    default: 'DEFAULT',
    meaning: 'Ciphers that are allowed, as ciphers(1) writes them.',
  },
  {
    name: 'tls_prefer_server_ciphers',
    type: 'switch',
    default: 'no',
    meaning: 'Whether the server’s order of ciphers counts, instead of the client’s.',
  },
  {
    name: 'syslog_prefix',
    type: 'string',
    default: null,
    meaning: 'What stands before the process’s name in the log.',
  },
  {
    name: 'syslog_facility',
    type: 'string',
    default: null,
    meaning: 'Facility of log entries: DAEMON, MAIL, NEWS, USER, LOCAL0 to LOCAL7.',
  },
  {
    name: 'debug',
    type: 'switch',
    default: 'no',
    meaning: 'Whether details are logged.',
  },
  {
    name: 'restore_authname',
    type: 'string',
    default: null,
    meaning: 'Name that restore logs in to a server with.',
  },
  {
    name: 'restore_password',
    type: 'string',
    default: null,
    meaning: 'Password that restore logs in to a server with.',
  },
  {
    name: 'restore_realm',
    type: 'string',
    default: null,
    meaning: 'Realm that restore logs in to a server in.',
  },
] as const satisfies readonly KeySpec[];

type Key = (typeof KEYS)[number];

/** A default makes a string certain to be there; a path under configdirectory is only as certain as that. */
type StringValue<K extends Key> = K['default'] extends null
  ? string | null
  : K['default'] extends `{configdirectory}${string}`
    ? string | null
    : string;

export type ValueOf<K extends Key> = K extends { type: 'switch' }
  ? boolean
  : K extends { type: 'int' | 'bytes' }
    ? number
    : K extends { type: 'duration' }
      ? K['default'] extends null
        ? number | null
        : number
      : K extends { type: 'list' }
        ? readonly string[]
        : K extends { type: 'enum'; values: readonly (infer V)[] }
          ? V
          : StringValue<K>;

/** Each option under its own name: durations in seconds, byte sizes in bytes. */
export type ConfigValues = { readonly [K in Key as K['name']]: ValueOf<K> };
