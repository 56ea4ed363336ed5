/**
 * Mistakes with what is in the store, or is not: exit codes 65 to 78.
 *
 * Over 300 lines because it is one table.
 */
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { SampleSite } from '../../backup/sampleBackup.ts';
import type { Mistake } from './mistake.ts';

const withLine =
  (line: string) =>
  ({ config }: SampleSite): void =>
    appendFileSync(config, `${line}\n`);
const withoutCatalogue = ({ folder }: SampleSite): void => rmSync(join(folder, 'conf/backups.db'));
const damagedCatalogue = ({ folder }: SampleSite): void =>
  writeFileSync(join(folder, 'conf/backups.db'), 'this is no database at all, but a text of some length');
const emptyBackup = (site: SampleSite): void => {
  truncateSync(site.pathOf('anne'), 0);
  rmSync(`${site.pathOf('anne')}.index`);
};
const withoutData = (site: SampleSite): void => rmSync(site.pathOf('anne'));
const linkAsData = (site: SampleSite): void => {
  rmSync(site.pathOf('anne'));
  symlinkSync('elsewhere', site.pathOf('anne'));
};

export const stores: readonly Mistake[] = [
  {
    types: 'ctl_backups -C DIR/nowhere.conf list',
    hasOwnConfig: true,
    code: 78,
    says: 'ctl_backups: cannot read the configuration DIR/nowhere.conf: no such file or folder (ENOENT): name another file with -C, or write one with cyrus-backups setup',
  },
  {
    types: 'ctl_backups -C DIR list',
    hasOwnConfig: true,
    code: 78,
    says: 'ctl_backups: cannot read the configuration DIR: it is a folder (EISDIR): name another file with -C, or write one with cyrus-backups setup',
  },
  {
    types: 'ctl_backups list',
    prepare: withLine('not an option'),
    code: 78,
    says: 'ctl_backups: DIR/imapd.conf, line 4: not a line of the form "option: value": not an option',
  },
  {
    types: 'ctl_backups list',
    prepare: withLine('backup_retention: seven'),
    code: 78,
    says: 'ctl_backups: DIR/imapd.conf, line 4: backup_retention: "seven" is not a duration like 7d or 1h30m',
  },
  {
    types: 'ctl_backups list',
    prepare: withLine('virtdomains: maybe'),
    code: 78,
    says: 'ctl_backups: DIR/imapd.conf, line 4: virtdomains was given before, in DIR/imapd.conf, line 3',
  },
  {
    types: 'ctl_backups list',
    prepare: withLine('configdirectory: /elsewhere'),
    code: 78,
    says: 'ctl_backups: DIR/imapd.conf, line 4: configdirectory was given before, in DIR/imapd.conf, line 1',
  },
  {
    types: 'ctl_backups list',
    prepare: withLine('backup_db: flat'),
    code: 78,
    says: 'ctl_backups: DIR/imapd.conf, line 4: backup_db: "flat" is not one of twoskip, skiplist, sql, zeroskip',
  },
  {
    types: 'ctl_backups list',
    prepare: withLine('backup_db_path: backups.db'),
    code: 78,
    says: 'ctl_backups: DIR/imapd.conf: backup_db_path is not an absolute path: backups.db',
  },
  {
    types: 'ctl_backups list',
    prepare: (site) => withLine(`@include: ${site.folder}/more.conf`)(site),
    code: 78,
    says: 'ctl_backups: cannot read the configuration DIR/more.conf: no such file or folder (ENOENT): name another file with -C, or write one with cyrus-backups setup',
  },
  {
    types: 'ctl_backups list',
    prepare: withoutCatalogue,
    code: 66,
    says: 'ctl_backups: there is no backups.db: DIR/conf/backups.db (DIR/imapd.conf): nothing has been backed up yet, or another configuration is meant (-C); if it was lost, ctl_backups reconstruct makes it from the data files',
  },
  {
    types: 'ctl_backups verify anne',
    prepare: withoutCatalogue,
    code: 66,
    says: 'ctl_backups: there is no backups.db: DIR/conf/backups.db (DIR/imapd.conf): nothing has been backed up yet, or another configuration is meant (-C); if it was lost, ctl_backups reconstruct makes it from the data files',
  },
  {
    types: 'cyr_backup anne list chunks',
    prepare: withoutCatalogue,
    code: 66,
    says: 'cyr_...: there is no backups.db: DIR/conf/backups.db (DIR/imapd.conf): nothing has been backed up yet, or another configuration is meant (-C); if it was lost, ctl_backups reconstruct makes it from the data files',
  },
  {
    types: 'restore -a --to maildir:DIR/out anne',
    prepare: withoutCatalogue,
    code: 66,
    says: 'restore: there is no backups.db: DIR/conf/backups.db (DIR/imapd.conf): nothing has been backed up yet, or another configuration is meant (-C); if it was lost, ctl_backups reconstruct makes it from the data files',
  },
  {
    types: 'ctl_backups hold anne',
    prepare: withoutCatalogue,
    code: 66,
    says: 'ctl_backups: there is no backups.db: DIR/conf/backups.db (DIR/imapd.conf): nothing has been backed up yet, or another configuration is meant (-C); if it was lost, ctl_backups reconstruct makes it from the data files',
  },
  {
    types: 'ctl_backups list',
    prepare: damagedCatalogue,
    code: 65,
    says: 'ctl_backups: DIR/conf/backups.db: too short for a twoskip header: stop backupd and run ctl_backups reconstruct',
  },
  {
    types: 'cyr_backup anne list chunks',
    prepare: damagedCatalogue,
    code: 65,
    says: 'cyr_...: DIR/conf/backups.db: too short for a twoskip header: stop backupd and run ctl_backups reconstruct',
  },
  { types: 'ctl_backups verify nobody', code: 67, says: 'nobody: not found in backups.db' },
  { types: 'ctl_backups list anna', code: 67, says: 'anna: not found in backups.db' },
  { types: 'ctl_backups list -m user/nobody', code: 67, says: 'user/nobody: not found in backups.db' },
  {
    types: 'ctl_backups stat -f DIR/nowhere',
    code: 66,
    says: 'DIR/nowhere: no such file or folder (ENOENT)',
  },
  {
    types: 'ctl_backups verify -f DIR/nowhere',
    code: 66,
    says: 'verify DIR/nowhere: failed (cannot open DIR/nowhere: no such file or folder (ENOENT))',
  },
  { types: 'ctl_backups -F delete nobody', code: 67, says: 'nobody: not found in backups.db' },
  {
    types: 'ctl_backups delete anne',
    stdin: 'ann\n',
    code: 75,
    says: 'anne: 2.8 KiB, last written 2026-11-22 21:29:26, DIR/data/a/anne_...\nType anne again to delete it for good: anne: not deleted',
  },
  {
    types: 'ctl_backups move anne tape',
    code: 78,
    says: 'ctl_backups: DIR/imapd.conf: there is no backuppartition-tape',
  },
  { types: 'ctl_backups move nobody one', code: 67, says: 'nobody: not found in backups.db' },
  { types: 'ctl_backups rename nobody new', code: 67, says: 'nobody: not found in backups.db' },
  { types: 'ctl_backups hold nobody', code: 67, says: 'nobody: not found in backups.db' },
  { types: 'ctl_backups release anne', code: 66, says: 'anne: there is no hold on it' },
  { types: 'ctl_backups lock nobody', code: 67, says: 'nobody: not found in backups.db' },
  {
    types: 'ctl_backups lock -c anne',
    code: 65,
    says: '* Trying to obtain lock on anne...\nNO failed (DIR/data/a/anne_... is there already)',
  },
  {
    types: 'ctl_backups list anne',
    prepare: emptyBackup,
    code: 0,
    says: 'anne: the backup is empty: nothing that a master has sent is in it',
  },
  {
    types: 'ctl_backups verify anne',
    prepare: emptyBackup,
    code: 0,
    says: 'anne: the backup is empty: nothing that a master has sent is in it',
  },
  {
    types: 'ctl_backups list anne',
    prepare: withoutData,
    code: 66,
    says: 'anne: DIR/data/a/anne_...: no such file or folder (ENOENT)',
  },
  {
    types: 'ctl_backups list anne',
    prepare: linkAsData,
    code: 66,
    says: 'anne: DIR/data/a/anne_...: no such file or folder (ENOENT)',
  },
  {
    types: 'cyr_backup anne list chunks',
    prepare: linkAsData,
    code: 65,
    says: 'anne: DIR/data/a/anne_... is a symbolic link, which is not followed',
  },
  { types: 'cyr_backup nobody list chunks', code: 67, says: 'nobody: not found in backups.db' },
  {
    types: 'cyr_backup -f DIR/nowhere list chunks',
    code: 66,
    says: 'DIR/nowhere: cannot open: no such file or folder (ENOENT)',
  },
  { types: 'cyr_backup anne dump chunk 99', code: 66, says: 'anne: no chunk 99' },
  { types: 'cyr_backup anne dump mailbox user/anne/Wrok', code: 66, says: 'anne: no mailbox user/anne/Wrok' },
  { types: 'cyr_backup anne dump message 0123', code: 66, says: 'anne: no message 0123' },
  {
    types: 'cyr_backup anne list mailboxes --at 2001-01-01',
    code: 66,
    says: 'anne: the backup of anne begins 2026-11-22T21:28:25Z: nothing is known of 2001-01-01T00:00:00Z',
  },
  { types: 'restore -a --to maildir:DIR/out nobody', code: 67, says: 'restore: nobody: no such backup' },
  {
    types: 'restore --to maildir:DIR/out anne Wrok',
    code: 66,
    says: 'restore: anne: Wrok: not in this backup',
  },
  {
    types: 'restore -F DIR/nowhere --to maildir:DIR/out anne',
    code: 66,
    says: 'restore: -F DIR/nowhere: no such file or folder (ENOENT)',
  },
  {
    types: 'restore -a --to tar:DIR/imapd.conf anne',
    code: 74,
    says: 'restore: DIR/imapd.conf exists: it was not touched; --existing replace writes it anew',
  },
  {
    types: 'restore -a --to tar:DIR/nowhere/anne.tar anne',
    code: 66,
    says: 'restore: cannot write DIR/nowhere/anne.tar: DIR/nowhere/anne.tar.part: no such file or folder (ENOENT)',
  },
  {
    types: 'restore -a --user admin --password-file DIR/nowhere localhost:1 anne',
    code: 66,
    says: 'restore: --password-file DIR/nowhere: no such file or folder (ENOENT)',
  },
  {
    types: 'restore -a -u anne -u bob --user admin --password-file DIR/password localhost:1',
    prepare: ({ folder }) => writeFileSync(join(folder, 'password'), 'secret\n'),
    code: 69,
    says: 'restore: anne, bob: not restored: localhost:1: no server listens there (ECONNREFUSED): run it again when the server answers',
  },
  {
    types: 'restore --all-users --user admin --password-file DIR/password localhost:1',
    prepare: ({ folder }) => writeFileSync(join(folder, 'password'), 'secret\n'),
    code: 69,
    says: 'restore: anne, bob: not restored: localhost:1: no server listens there (ECONNREFUSED): run it again when the server answers',
  },
  {
    types: 'restore -a --user admin --password-file DIR/password no-such-host.invalid anne',
    prepare: ({ folder }) => writeFileSync(join(folder, 'password'), 'secret\n'),
    code: 69,
    says: 'restore: anne: not restored: no-such-host.invalid:2005: there is no host of that name (ENOTFOUND): run it again when the server answers',
  },
  {
    types: 'cyrus-backups passwd -d nobody',
    code: 66,
    says: 'cyrus-backups passwd: cannot open DIR/conf/backup.passwd: no such file or folder (ENOENT)',
  },
  {
    types: 'cyrus-backups passwd anne',
    stdin: 'secret\n',
    code: 0,
    says: 'cyrus-backups passwd: the password is set, but anne may not replicate yet: add anne to admins in DIR/imapd.conf',
  },
  {
    types: 'cyrus-backups passwd anne',
    stdin: 'secret\n',
    prepare: ({ folder }) => writeFileSync(join(folder, 'conf/backup.passwd'), 'nonsense\n', { mode: 0o600 }),
    code: 78,
    says: 'cyrus-backups passwd: DIR/conf/backup.passwd, line 1: not a password entry',
  },
  {
    types: 'cyrus-backups passwd anne',
    stdin: 'secret\n',
    prepare: ({ folder }) => {
      writeFileSync(join(folder, 'conf/backup.passwd'), '');
      chmodSync(join(folder, 'conf/backup.passwd'), 0o644);
    },
    code: 78,
    says: 'cyrus-backups passwd: DIR/conf/backup.passwd must be neither open to others nor writable by its group (chmod 0600 or 0640)',
  },
  {
    types: 'cyrus-backups mount DIR/nowhere',
    code: 66,
    says: 'cyrus-backups mount: cannot mount on DIR/nowhere: no such file or folder (ENOENT)',
  },
  {
    types: 'cyrus-backups mount DIR/imapd.conf',
    code: 64,
    says: 'cyrus-backups mount: mountpoint DIR/imapd.conf is not a folder',
  },
  {
    types: 'cyrus-backups mount -o users=nosuch DIR/nowhere',
    code: 66,
    says: 'cyrus-backups mount: users=nosuch: this user has no backup yet: ctl_backups list shows the names that have one\ncyrus-backups mount: cannot mount on DIR/nowhere: no such file or folder (ENOENT)',
  },
  {
    types: 'cyrus-backups mount -f DIR/conf',
    prepare: withLine('# nothing'),
    code: 64,
    says: 'cyrus-backups mount: mountpoint DIR/conf is not empty, and what it holds would be hidden (-o nonempty allows it)',
  },
  {
    types: 'backupd --listen 127.0.0.1:0',
    code: 78,
    says: 'backupd: DIR/imapd.conf: admins is not set, so nobody could replicate',
  },
  {
    types: 'backupd --listen 127.0.0.1:0',
    prepare: withLine('admins: repl'),
    code: 78,
    says: 'backupd: DIR/imapd.conf: no way to log in can be offered: set tls_server_cert, make a password for SCRAM, or allowplaintext: yes',
  },
  {
    types: 'backupd --listen DIR/nowhere/socket',
    prepare: withLine('admins: repl\nallowplaintext: yes'),
    code: 66,
    says: 'backupd: cannot listen on DIR/nowhere/socket: its folder is missing: mkdir DIR/nowhere',
  },
  {
    types: 'backupd --listen 192.0.2.1:2005',
    prepare: withLine('admins: repl\nallowplaintext: yes'),
    code: 74,
    says: 'backupd: cannot listen on 192.0.2.1:2005: this machine has no such address (EADDRNOTAVAIL)',
  },
  {
    types: 'backupd --listen 127.0.0.1:0/tls',
    prepare: withLine('admins: repl\nallowplaintext: yes'),
    code: 78,
    says: 'backupd: DIR/imapd.conf: TLS from the first byte needs tls_server_cert',
  },
  {
    types: 'backupd --listen 127.0.0.1:0',
    prepare: (site) => {
      writeFileSync(
        join(site.folder, 'cert.pem'),
        '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
      );
      withLine(`admins: repl\ntls_server_cert: ${site.folder}/cert.pem`)(site);
    },
    code: 78,
    says: 'backupd: no private key in DIR/cert.pem: set tls_server_key to the file with the private key of the certificate',
  },
  {
    types: 'backupd --listen 127.0.0.1:0',
    prepare: (site) => withLine(`admins: repl\ntls_server_cert: ${site.folder}/nowhere.pem`)(site),
    code: 78,
    says: 'backupd: tls_server_cert DIR/nowhere.pem: no such file or folder (ENOENT): correct it',
  },
  {
    types: 'backupd --listen DIR/nowhere/socket',
    prepare: withLine('admins: repl\nallowplaintext: yes\nbackup_retenton: 7d'),
    code: 66,
    says: 'level=warn event=configuration where="DIR/imapd.conf, line 6" reason="backup_retenton is no option of cyrus-backups, and is ignored: did you mean backup_retention?"\nbackupd: cannot listen on DIR/nowhere/socket: its folder is missing: mkdir DIR/nowhere',
  },
  {
    types: 'backupd --listen DIR/nowhere/socket',
    prepare: (site) => {
      withLine('admins: repl\nallowplaintext: yes\nsync_password: secret')(site);
      chmodSync(site.config, 0o644);
    },
    code: 66,
    says: 'level=warn event=configuration where=DIR/imapd.conf reason="everybody may read it (mode 0644), and it holds sync_password: chmod 0640 DIR/imapd.conf"\nbackupd: cannot listen on DIR/nowhere/socket: its folder is missing: mkdir DIR/nowhere',
  },
  {
    types: 'backupd --listen 127.0.0.1:0',
    prepare: (site) => {
      mkdirSync(join(site.folder, 'full'));
      withLine(`admins: repl\nallowplaintext: yes\nbackup_staging_path: ${site.config}/staging`)(site);
    },
    code: 74,
    says: 'backupd: DIR/imapd.conf: cannot make the folder backup_staging_path DIR/imapd.conf/staging: a part of the path is no folder (ENOTDIR)',
  },
];
