/**
 * Options of imapd.conf that limit what backupd accepts from its peers. All of them are this
 * project's own; Cyrus does not know them.
 *
 * The defaults do not restrict real masters, and prevent a faulty or hostile peer from exhausting
 * memory, disk or time. See keys.ts; docs/guide/operations.md has the table.
 */
import type { KeySpec } from './keySpec.ts';

/**
 * The largest possible size of a command or line. A command is held in memory, and a line is a
 * JavaScript string, whose length is limited.
 */
const MOST_TEXT_BYTES = 500 << 20;
const LEAST_COMMAND_BYTES = 64 << 10;
/** The largest possible message: its size is a uint32 in cyrus-imapd imap/dlist.c. */
const MOST_MESSAGE_BYTES = 2 ** 32 - 1;

export const LIMIT_KEYS = [
  {
    name: 'backup_max_connections',
    type: 'int',
    default: '1000',
    least: 1,
    meaning: 'Ours. How many connections are served at a time.',
  },
  {
    name: 'backup_max_connections_per_host',
    type: 'int',
    default: '100',
    least: 0,
    meaning:
      'Ours. How many of them a host may have, IPv6 hosts by their /64 network; 0 is no limit. Every host without a login.',
  },
  {
    name: 'backup_max_failed_logins',
    type: 'int',
    default: '3',
    least: 1,
    meaning: 'Ours. After how many failed logins a connection is ended.',
  },
  {
    name: 'backup_max_failed_logins_per_host',
    type: 'int',
    default: '30',
    least: 0,
    meaning:
      'Ours. After how many failed logins within backup_failed_login_window a host is turned away; 0 is no limit.',
  },
  {
    name: 'backup_failed_login_window',
    type: 'duration',
    unit: 's',
    default: '10m',
    least: 1,
    meaning: 'Ours. How long a failed login is held against its host.',
  },
  {
    name: 'backup_unlimited_hosts',
    type: 'list',
    default: '127.0.0.0/8 ::1',
    meaning:
      'Ours. Addresses and networks whose logins, failed or not, are not limited per host; nor are those by unix sockets.',
  },
  {
    name: 'backup_login_timeout',
    type: 'duration',
    unit: 's',
    default: '1m',
    least: 1,
    meaning: 'Ours. How long a peer may take to log in, from its first byte on.',
  },
  {
    name: 'backup_command_timeout',
    type: 'duration',
    unit: 's',
    default: '30m',
    least: 1,
    meaning: 'Ours. How long a command may take to come in, and each message in it.',
  },
  {
    name: 'backup_write_timeout',
    type: 'duration',
    unit: 's',
    default: '1m',
    least: 1,
    meaning: 'Ours. How long a peer may take nothing of an answer that waits for it.',
  },
  {
    name: 'backup_release_timeout',
    type: 'duration',
    unit: 's',
    default: '2s',
    least: 1,
    meaning: 'Ours. After how long of waiting for its peer a session gives up the locks that it holds.',
  },
  {
    name: 'backup_lock_timeout',
    type: 'duration',
    unit: 's',
    default: '5s',
    least: 0,
    meaning: 'Ours. How long a command waits for a backup that another session holds.',
  },
  {
    name: 'backup_max_open_backups',
    type: 'int',
    default: '32',
    least: 1,
    most: 10_000,
    meaning:
      'Ours. How many backups a session holds open; the one that was not touched for longest is closed.',
  },
  {
    name: 'backup_staging_memory',
    type: 'bytes',
    unit: 'B',
    default: '8M',
    least: 0,
    meaning:
      'Ours. How much of its uploads a session keeps in memory, compressed; the rest is in backup_staging_path.',
  },
  {
    name: 'backup_memory',
    type: 'bytes',
    unit: 'B',
    default: '192M',
    least: 1 << 20,
    meaning:
      'Ours. What all sessions together hold of commands and uploads; beyond it uploads go to a file and commands wait.',
  },
  {
    name: 'backup_max_command',
    type: 'bytes',
    unit: 'B',
    default: '128M',
    least: LEAST_COMMAND_BYTES,
    most: MOST_TEXT_BYTES,
    meaning: 'Ours. The longest command: its lines and literals, without the messages in it.',
  },
  {
    name: 'backup_max_literal',
    type: 'bytes',
    unit: 'B',
    default: '4M',
    least: 1024,
    most: MOST_TEXT_BYTES,
    meaning: 'Ours. The longest string, such as a script, an annotation or a list of seen messages.',
  },
  {
    name: 'backup_max_values',
    type: 'int',
    default: '10000000',
    least: 1024,
    meaning: 'Ours. How many values a command’s lists may hold, all together.',
  },
  {
    name: 'backup_max_message',
    type: 'bytes',
    unit: 'B',
    default: '4294967295',
    least: 1024,
    most: MOST_MESSAGE_BYTES,
    meaning: 'Ours. The largest message.',
  },
  {
    name: 'backup_max_discard',
    type: 'bytes',
    unit: 'B',
    default: '4G',
    least: 0,
    meaning: 'Ours. How much of a refused command is read to its end; beyond, the connection is ended.',
  },
  {
    name: 'backup_disk_reserve',
    type: 'bytes',
    unit: 'B',
    default: '256M',
    least: 0,
    meaning: 'Ours. Free space on a disk below which no new mail is taken for it; 0 is no limit.',
  },
] as const satisfies readonly KeySpec[];
