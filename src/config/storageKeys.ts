/** Options of imapd.conf for backups on disk and the names in them. See keys.ts. */
import type { KeySpec } from './keySpec.ts';

const PARTITION_MODES = [
  'random',
  'freespace-most',
  'freespace-percent-most',
  'freespace-percent-weighted',
  'freespace-percent-weighted-delta',
] as const;

/** The storage options. A leading `{configdirectory}` in a value is replaced by that directory. */
export const STORAGE_KEYS = [
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
    meaning:
      'Directory for messages that have arrived but belong to no backup yet; without it, backup in temp_path.',
  },
  {
    name: 'backup_passwd_file',
    type: 'string',
    default: '{configdirectory}/backup.passwd',
    meaning: 'Ours. File of the names and salted password hashes of those who may log in to backupd.',
  },
  {
    name: 'backup_proof_path',
    type: 'string',
    default: null,
    meaning:
      'Ours. Directory of the store’s signing key and of signed reports; without it, backup.proof beside backup_db_path.',
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
    meaning:
      'Compaction combines neighbouring chunks smaller than this (a bare number is kilobytes); 0 combines none.',
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
    meaning:
      'How many chunks must plainly need it before a backup is compacted; less than one counts as one.',
  },
  {
    name: 'backup_keep_previous',
    type: 'switch',
    default: 'no',
    meaning:
      'Whether compact and reindex keep the files that they replace, under names that end in the time.',
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
    meaning:
      'Percentage of use above which a partition gets no new backups, unless all are above it; 0 is no limit.',
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
    meaning:
      'Whether data files are spread over directories by all of the userid instead of its first letter.',
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
    name: 'backup_search_index',
    type: 'enum',
    default: 'no',
    values: ['no', 'headers', 'yes'],
    meaning:
      'Ours. What cyrus-backups search-index indexes of each message: nothing, the header fields, or all of its text.',
  },
  {
    name: 'backup_search_index_for',
    type: 'list',
    default: null,
    meaning:
      'Ours. Exceptions to backup_search_index, as USER=VALUE or @DOMAIN=VALUE; a user’s own comes before the domain’s.',
  },
] as const satisfies readonly KeySpec[];
