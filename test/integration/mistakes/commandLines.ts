/**
 * Mistakes on the command line: exit code 64, one line, and how to get help.
 *
 * Over 300 lines because it is one table.
 */
import type { Mistake } from './mistake.ts';

const usage = (types: string, says: string): Mistake => ({ types, code: 64, says });

export const commandLines: readonly Mistake[] = [
  usage('ctl_backups', "ctl_backups: a command is missing. Try 'ctl_backups --help'"),
  usage('ctl_backups lits', "ctl_backups: unknown command lits: did you mean list? Try 'ctl_backups --help'"),
  usage('ctl_backups frobnicate', "ctl_backups: unknown command frobnicate. Try 'ctl_backups --help'"),
  usage(
    'ctl_backups list --humna',
    "ctl_backups: unknown option --humna: did you mean --human? Try 'ctl_backups list --help'",
  ),
  usage(
    'ctl_backups compact -A --forse-clock',
    "ctl_backups: unknown option --forse-clock: did you mean --force-clock? Try 'ctl_backups compact --help'",
  ),
  usage(
    'ctl_backups verify --quick anne',
    "ctl_backups: unknown option --quick. Try 'ctl_backups verify --help'",
  ),
  usage('ctl_backups -X list', "ctl_backups: unknown option -X. Try 'ctl_backups list --help'"),
  usage(
    'ctl_backups verify',
    "ctl_backups: verify needs the names of backups, or -A for all. Try 'ctl_backups verify --help'",
  ),
  usage(
    'ctl_backups compact',
    "ctl_backups: compact needs the names of backups, or -A for all. Try 'ctl_backups compact --help'",
  ),
  usage(
    'ctl_backups verify -A anne',
    'ctl_backups: -A means all backups, and "anne" names one: leave out one of them. Try \'ctl_backups verify --help\'',
  ),
  usage(
    'ctl_backups list -u -m anne',
    "ctl_backups: -u and -m exclude each other. Try 'ctl_backups list --help'",
  ),
  usage(
    'ctl_backups -j -v verify anne',
    "ctl_backups: -j and -v exclude each other. Try 'ctl_backups verify --help'",
  ),
  usage(
    'ctl_backups list -t 0',
    "ctl_backups: -t 0: a number is expected, at least 1. Try 'ctl_backups list --help'",
  ),
  usage(
    'ctl_backups list -t soon anne',
    "ctl_backups: -t soon: a number is expected, at least 1. Try 'ctl_backups list --help'",
  ),
  usage(
    'ctl_backups verify --level fast anne',
    "ctl_backups: --level fast: quick, checksums or full is expected. Try 'ctl_backups verify --help'",
  ),
  usage(
    'ctl_backups verify --level',
    "ctl_backups: --level needs a value: LEVEL. Try 'ctl_backups verify --help'",
  ),
  usage(
    'ctl_backups compact --jobs none -A',
    "ctl_backups: --jobs none: a number is expected, at least 1. Try 'ctl_backups compact --help'",
  ),
  usage(
    'ctl_backups list --jobs 3',
    "ctl_backups: --jobs goes with compact, verify, reindex and retime, not with list. Try 'ctl_backups list --help'",
  ),
  usage(
    'ctl_backups compact --repair anne',
    "ctl_backups: --repair goes with verify, not with compact. Try 'ctl_backups compact --help'",
  ),
  usage(
    'ctl_backups move anne',
    "ctl_backups: PARTITION is missing: ctl_backups move BACKUP PARTITION. Try 'ctl_backups move --help'",
  ),
  usage(
    'ctl_backups move -A one',
    "ctl_backups: -A goes with list, stat, compact, verify, reindex and retime, not with move. Try 'ctl_backups move --help'",
  ),
  usage(
    'ctl_backups rename anne',
    "ctl_backups: NEW is missing: ctl_backups rename OLD NEW. Try 'ctl_backups rename --help'",
  ),
  usage(
    'ctl_backups rename anne bob carl',
    'ctl_backups: "carl" is one word too many: ctl_backups rename OLD NEW. Try \'ctl_backups rename --help\'',
  ),
  usage(
    'ctl_backups rename anne a/b',
    'ctl_backups: not a userid: "a/b": it may not hold slashes, blanks or control characters',
  ),
  usage(
    'ctl_backups delete',
    "ctl_backups: BACKUP is missing: ctl_backups delete BACKUP. Try 'ctl_backups delete --help'",
  ),
  usage(
    'ctl_backups delete anne bob',
    'ctl_backups: "bob" is one word too many: ctl_backups delete BACKUP. Try \'ctl_backups delete --help\'',
  ),
  usage(
    'ctl_backups lock -s -p anne',
    "ctl_backups: -s and -p exclude each other. Try 'ctl_backups lock --help'",
  ),
  usage(
    'ctl_backups reconstruct anne',
    'ctl_backups: "anne" is one word too many: ctl_backups reconstruct. Try \'ctl_backups reconstruct --help\'',
  ),
  usage(
    'ctl_backups retention anne ninety',
    'ctl_backups: "ninety" is no duration: write it as 90d or 36h, or as 0 to keep everything',
  ),
  usage(
    'ctl_backups retention a/b 90d',
    'ctl_backups: not a userid: "a/b": ctl_backups list shows the userids that have a backup',
  ),
  usage(
    'ctl_backups hold',
    "ctl_backups: USER is missing: ctl_backups hold USER [REASON...]. Try 'ctl_backups hold --help'",
  ),
  usage(
    'ctl_backups release anne bob',
    'ctl_backups: "bob" is one word too many: ctl_backups release USER. Try \'ctl_backups release --help\'',
  ),
  usage(
    'ctl_backups --force=yes delete anne',
    "ctl_backups: --force takes no value: =yes. Try 'ctl_backups delete --help'",
  ),
  usage('cyr_backup', "cyr_...: BACKUP is missing. Try 'cyr_... --help'"),
  usage('cyr_backup anne', "cyr_...: a command is missing. Try 'cyr_... --help'"),
  usage(
    'cyr_backup anne list',
    "cyr_...: list is incomplete: list all, list chunks, list mailboxes or list messages is expected. Try 'cyr_... --help'",
  ),
  usage('cyr_backup list mailboxes', "cyr_...: unknown command mailboxes. Try 'cyr_... --help'"),
  usage(
    'cyr_backup anne list mailboxs',
    "cyr_...: unknown command list mailboxs: did you mean list mailboxes? Try 'cyr_... --help'",
  ),
  usage(
    'cyr_backup anne show messages',
    "cyr_...: GUID is missing: cyr_... BACKUP show messages GUID.... Try 'cyr_... show messages --help'",
  ),
  usage(
    'cyr_backup anne dump mailbox',
    "cyr_...: NAME|UNIQUEID is missing: cyr_... BACKUP dump mailbox NAME|UNIQUEID. Try 'cyr_... dump mailbox --help'",
  ),
  usage(
    'cyr_backup anne list chunks --at yesterday',
    "cyr_...: --at goes with list mailboxes, show mailboxes, dump mailbox and json mailboxes, not with list chunks. Try 'cyr_... list chunks --help'",
  ),
  usage(
    'cyr_backup anne list mailboxes --at tomorow',
    'cyr_...: --at: "tomorow" is no time (such as 2026-11-20, 2026-11-20T12:00:00Z, @1795382150, yesterday, 2h)',
  ),
  usage(
    'cyr_backup anne list mailboxes --at 2999-01-01',
    'cyr_...: --at: 2999-01-01 is 2999-01-01T00:00:00Z, which lies in the future',
  ),
  usage(
    'cyr_backup -f -u anne list chunks',
    "cyr_...: -f and -u exclude each other. Try 'cyr_... list chunks --help'",
  ),
  usage('restore', "restore: a SERVER is missing, or --to DESTINATION. Try 'restore --help'"),
  usage(
    'restore mail.example.com',
    "restore: a BACKUP is missing: a userid, or --all-users. Try 'restore --help'",
  ),
  usage(
    'restore mail.example.com anne',
    "restore: what is to be restored: -a for all, or mailboxes, uniqueids, GUIDs. Try 'restore --help'",
  ),
  usage(
    'restore -a mail.example.com anne INBOX',
    "restore: -a means everything of one user: leave it out to restore only what is named; several users are -u anne -u bob. Try 'restore --help'",
  ),
  usage(
    'restore -a mail.example.com anne bob',
    "restore: -a means everything of one user: leave it out to restore only what is named; several users are -u anne -u bob. Try 'restore --help'",
  ),
  usage(
    'restore -a --to maildri:DIR/out anne',
    'restore: --to: maildri:DIR/out is none of imap://HOST, imaps://HOST, maildir:DIR, mbox:DIR, tar:FILE, zip:FILE',
  ),
  usage(
    'restore -a --to DIR/out anne',
    'restore: --to: DIR/out is none of imap://HOST, imaps://HOST, maildir:DIR, mbox:DIR, tar:FILE, zip:FILE',
  ),
  usage(
    'restore -a --to maildir:DIR/out -U anne',
    "restore: --to and -U exclude each other: only a Cyrus server can do that. Try 'restore --help'",
  ),
  usage(
    'restore -a --to maildir:DIR/out --into Restored/{dat} anne',
    'restore: --into Restored/{dat}: {dat} is unknown: {date} and {time} are replaced',
  ),
  usage(
    'restore -a --existing overwrite --to maildir:DIR/out anne',
    "restore: --existing overwrite: skip, copy or replace is expected. Try 'restore --help'",
  ),
  usage(
    'restore -a --what mails --to maildir:DIR/out anne',
    "restore: --what: mails is none of mail, flags, seen, sieve, subs, quota, annotations, acl. Try 'restore --help'",
  ),
  usage(
    'restore -a --at 2026-13-45 --to maildir:DIR/out anne',
    'restore: --at: "2026-13-45" is no time (such as 2026-11-20, 2026-11-20T12:00:00Z, @1795382150, yesterday, 2h)',
  ),
  usage(
    'restore -a --between now 2h --to maildir:DIR/out anne',
    "restore: --between: the second time is not after the first. Try 'restore --help'",
  ),
  usage('restore -a --between 2h', "restore: --between needs a value: TIME TIME. Try 'restore --help'"),
  usage(
    'restore -a --uid five --to maildir:DIR/out anne',
    'restore: --uid: "five" is no UID or range (such as 1,5:9)',
  ),
  usage(
    'restore -a --jobs 0 --to maildir:DIR/out anne',
    "restore: --jobs 0: a number is expected, 1 to 999999. Try 'restore --help'",
  ),
  usage(
    'restore -a -A anne mail.example.com bob',
    'restore: -A: "anne" is not a list of identifiers and rights. Try \'restore --help\'',
  ),
  usage(
    'restore -a mail.example.com:99999 anne',
    'restore: mail.example.com:99999: not a server (host, host:port, imap://, imaps:// or csync://host)',
  ),
  usage(
    'restore -a http://mail.example.com anne',
    'restore: http://mail.example.com: not a server (host, host:port, imap://, imaps:// or csync://host)',
  ),
  usage(
    'restore -a -U -M Other mail.example.com anne',
    "restore: -U and -M exclude each other. Try 'restore --help'",
  ),
  usage(
    'restore -a -x -X mail.example.com anne',
    "restore: -x and -X exclude each other. Try 'restore --help'",
  ),
  usage(
    'restore -a localhost:1 anne',
    'restore: no name to log in with: --user, or restore_authname in imapd.conf',
  ),
  {
    ...usage('cyrus-backups', "cyrus-backups: a command is missing. Try 'cyrus-backups --help'"),
    hasOwnConfig: true,
  },
  {
    ...usage(
      'cyrus-backups mout DIR',
      "cyrus-backups: unknown command mout: did you mean mount? Try 'cyrus-backups --help'",
    ),
    hasOwnConfig: true,
  },
  {
    ...usage(
      'cyrus-backups -C DIR/imapd.conf mount DIR',
      "cyrus-backups: -C comes after the command: cyrus-backups COMMAND -C .... Try 'cyrus-backups --help'",
    ),
    hasOwnConfig: true,
  },
  usage(
    'cyrus-backups mount',
    "cyrus-backups mount: MOUNTPOINT is missing: cyrus-backups mount MOUNTPOINT. Try 'cyrus-backups mount --help'",
  ),
  usage(
    'cyrus-backups mount DIR/a DIR/b',
    'cyrus-backups mount: "DIR/b" is one word too many: cyrus-backups mount MOUNTPOINT. Try \'cyrus-backups mount --help\'',
  ),
  usage(
    'cyrus-backups mount -o vew=mh DIR',
    'cyrus-backups mount: unknown mount option (there are allow_other, at, cache, dmode, fmode, gid, hardlinks, listall, log, nonempty, owner, snapshot, threads, transport, uid, umask, users, view): vew=mh',
  ),
  usage(
    'cyrus-backups mount -o view=mhx DIR',
    'cyrus-backups mount: not one of plain, maildir, mh, mbox: view=mhx',
  ),
  usage(
    'cyrus-backups mount -o at=someday DIR',
    'cyrus-backups mount: at=someday: "someday" is no time (such as 2026-11-20, 2026-11-20T12:00:00Z, @1795382150, yesterday, 2h)',
  ),
  usage('cyrus-backups mount -o cache DIR', 'cyrus-backups mount: mount option lacks its value: cache'),
  usage(
    'cyrus-backups passwd',
    "cyrus-backups passwd: USER is missing: cyrus-backups passwd USER. Try 'cyrus-backups passwd --help'",
  ),
  usage(
    'cyrus-backups passwd anne secret',
    'cyrus-backups passwd: "secret" is one word too many: cyrus-backups passwd USER. Try \'cyrus-backups passwd --help\'',
  ),
  usage('cyrus-backups passwd anne', 'cyrus-backups passwd: no password on standard input'),
  {
    ...usage(
      'cyrus-backups passwd anne',
      'cyrus-backups passwd: a password cannot be empty or contain a NUL',
    ),
    stdin: '\n',
  },
  usage(
    'cyrus-backups xbackup',
    "cyrus-backups xbackup: SERVER is missing: cyrus-backups xbackup SERVER. Try 'cyrus-backups xbackup --help'",
  ),
  usage(
    'cyrus-backups xbackup --stale soon mail.example.com',
    "cyrus-backups xbackup: --stale soon: a number is expected, at least 0. Try 'cyrus-backups xbackup --help'",
  ),
  usage(
    'cyrus-backups xbackup -n localhost:1',
    'cyrus-backups xbackup: no name to log in with: --user, or restore_authname in imapd.conf',
  ),
  usage(
    'cyrus-backups check --listen nowhere',
    'cyrus-backups check: --listen nowhere: host:port is expected, or host:port/tls, or the path of a unix socket',
  ),
  usage(
    'backupd --lisen :2005',
    "backupd: unknown option --lisen: did you mean --listen? Try 'backupd --help'",
  ),
  usage(
    'backupd --listen 2005',
    'backupd: --listen 2005: host:port is expected, or host:port/tls, or the path of a unix socket',
  ),
  usage(
    'backupd --listen :2005:',
    'backupd: --listen :2005:: host:port is expected, or host:port/tls, or the path of a unix socket',
  ),
  usage(
    'backupd --listen localhost:99999',
    'backupd: --listen localhost:99999: host:port is expected, or host:port/tls, or the path of a unix socket',
  ),
  usage('backupd --socket-mode rw', 'backupd: --socket-mode rw: an octal mode like 0660 is expected'),
  usage('backupd start', 'backupd: "start" is one word too many: backupd. Try \'backupd --help\''),
  {
    ...usage(
      'mount-cyrus-backups DIR/imapd.conf',
      "mount.cyrus-backups: MOUNTPOINT is missing: mount.cyrus-backups IMAPD.CONF MOUNTPOINT. Try 'mount.cyrus-backups --help'",
    ),
    hasOwnConfig: true,
  },
];
