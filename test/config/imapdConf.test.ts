import { expect } from 'chai';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BackupError } from '../../src/errors.ts';
import {
  loadConfig,
  requireBackupDatabase,
  requirePartitions,
  requirePasswdFile,
  requireServerConfig,
  type Config,
} from '../../src/config/imapdConf.ts';
import { KEYS } from '../../src/config/keys.ts';

describe('imapd.conf', () => {
  let scratch: string;
  let file: string;
  beforeEach(() => {
    scratch = mkdtempSync(join(tmpdir(), 'config-'));
    file = join(scratch, 'imapd.conf');
  });
  afterEach(() => rmSync(scratch, { recursive: true, force: true }));

  function load(text: string, service?: string): Config {
    writeFileSync(file, text);
    return loadConfig(file, service === undefined ? {} : { service });
  }

  function errorOf(text: string): string {
    try {
      load(text);
    } catch (error) {
      expect(error).to.be.instanceOf(BackupError).with.property('kind', 'config');
      return (error as BackupError).message;
    }
    return 'none';
  }

  it('has Cyrus’ defaults where it is silent', () => {
    const config = load('');
    expect(config).to.include({
      configdirectory: null,
      backup_db: 'twoskip',
      backup_db_path: null,
      backup_staging_path: '/tmp/backup',
      backup_retention: 7 * 86_400,
      backup_retention_days: null,
      backup_compact_minsize: 0,
      backup_compact_work_threshold: 1,
      backup_keep_previous: false,
      partition_select_mode: 'freespace-most',
      fulldirhash: false,
      unixhierarchysep: true,
      altnamespace: true,
      virtdomains: 'off',
      defaultdomain: 'internal',
      deletedprefix: 'DELETED',
      servername: null,
      sync_timeout: 1800,
      failedloginpause: 3,
      allowplaintext: false,
      sasl_saslauthd_path: '/run/saslauthd/mux',
      debug: false,
    });
    expect(config.admins).to.deep.equal([]);
    expect(config.tls_versions).to.deep.equal(['tls1_0', 'tls1_1', 'tls1_2', 'tls1_3']);
    expect(config.backuppartitions.size).to.equal(0);
  });

  it('is read as Cyrus reads it: case, white space, comments, joined lines, unknown options', () => {
    const config = load(
      [
        '  # a comment with key: value',
        '',
        'ConfigDirectory:   /var/imap  \r',
        '\tadmins: anne \\',
        '  repluser',
        'some_unknown-option: "quoted: text"',
        'backup_compact_minsize: 64',
        'backup_retention:30',
        'backuppartition-Default: /backup one',
        'servername: a:b # not a comment',
      ].join('\n'),
    );
    expect(config).to.include({
      configdirectory: '/var/imap',
      backup_db_path: '/var/imap/backups.db',
      backup_passwd_file: '/var/imap/backup.passwd',
      backup_compact_minsize: 65_536,
      backup_retention: 30 * 86_400,
      servername: 'a:b # not a comment',
    });
    expect(config.admins).to.deep.equal(['anne', 'repluser']);
    expect([...config.backuppartitions]).to.deep.equal([['default', '/backup one']]);
  });

  it('takes in other files in place, each once', () => {
    const other = join(scratch, 'other.conf');
    writeFileSync(other, 'configdirectory: /x\nbackup_db_path: {configdirectory}/b.db\nadmins:\n');
    expect(errorOf(`@include: ${other}`)).to.equal(`${other}, line 3: admins has no value`);
    writeFileSync(other, 'configdirectory: /x\nbackup_db_path: {configdirectory}/b.db\n');
    expect(load(`debug: on\n@include: ${other}\n`)).to.include({ debug: true, backup_db_path: '/x/b.db' });
    expect(errorOf(`@include: ${other}\n@include: ${other}`)).to.equal(`${other} is included twice`);
    expect(errorOf(`@include: ${file}`)).to.equal(`${file} is included twice`);
    expect(errorOf(`@include: ${scratch}/none`)).to.include(`cannot read the configuration ${scratch}/none`);
    expect(errorOf(`@exclude: ${other}`)).to.equal(`${file}, line 1: unknown directive @exclude`);
  });

  it('names file, line and option of what is wrong', () => {
    expect(errorOf('\n\ndebug: perhaps')).to.equal(`${file}, line 3: debug: "perhaps" is not yes or no`);
    expect(errorOf('sync_timeout: 5w')).to.include('line 1: sync_timeout: "5w" is not a duration');
    expect(errorOf('backup_compact_maxsize: big')).to.include('line 1: backup_compact_maxsize');
    expect(errorOf('partition_select_mode: best')).to.include('one of random, freespace-most');
    expect(errorOf('\nbackup_max_connections: 0')).to.equal(
      `${file}, line 2: backup_max_connections: "0" is not an integer, 1 or more`,
    );
    expect(errorOf('backup_max_message: 5G')).to.include(
      'a size like 64K, 1024 or more and at most 4294967295',
    );
    expect(errorOf('a \\\nb \\\nc')).to.include('line 3: not a line of the form "option: value": a b c');
    expect(errorOf('debug : yes')).to.include('line 1: not a line of the form');
    expect(errorOf('admins:   ')).to.include('line 1: admins has no value');
  });

  it('refuses an option given twice, known or not', () => {
    expect(errorOf('debug: yes\n\ndebug: no')).to.equal(
      `${file}, line 3: debug was given before, in ${file}, line 1`,
    );
    expect(errorOf('foo: 1\nfoo: 1')).to.include('foo was given before');
    expect(errorOf('backuppartition-a: /1\nBackuppartition-A: /2')).to.include('was given before');
  });

  it('prefers a service’s own options, wherever they stand', () => {
    const text = 'backupd_debug: yes\ndebug: no\nsync_timeout: 5\nbackupd_sync_timeout: 9\n';
    expect(load(text, 'backupd')).to.include({ debug: true, sync_timeout: 9 });
    expect(load(text)).to.include({ debug: false, sync_timeout: 5 });
  });

  it('takes an older name for the newer, which wins where both are there', () => {
    expect(load('backup_retention_days: 3').backup_retention).to.equal(3 * 86_400);
    expect(load('backup_retention: 1h\nbackup_retention_days: 3').backup_retention).to.equal(3600);
    expect(load('tls_ca_file: /ca.pem').tls_client_ca_file).to.equal('/ca.pem');
    expect(load('tls_cert_file: /c1,/c2').tls_server_cert).to.deep.equal(['/c1', '/c2']);
  });

  it('complains of what is missing only to who needs it', () => {
    const bare = load('admins: anne');
    expect(() => requireBackupDatabase(bare)).to.throw(BackupError, `${file}: configdirectory is not set`);
    expect(() => requirePartitions(bare)).to.throw(BackupError, 'backuppartition-NAME');
    expect(() => requirePartitions(load('backuppartition-a: b'))).to.throw(
      BackupError,
      'not an absolute path',
    );
    const excluded = load('backuppartition-a: /b\npartition_select_exclude: a');
    expect(() => requirePartitions(excluded)).to.throw(BackupError, 'all are excluded');
    expect(() => requireBackupDatabase(load('configdirectory: /x\nbackup_db: sql'))).to.throw(
      BackupError,
      'sql',
    );
    const nobody = load('configdirectory: /x\nbackuppartition-a: /b');
    expect(() => requireServerConfig(nobody)).to.throw(BackupError, 'admins');
    const whole = load('configdirectory: /x\nbackuppartition-a: /b\nadmins: anne');
    requireServerConfig(whole);
    expect(requireBackupDatabase(whole)).to.equal('/x/backups.db');
    expect(requirePasswdFile(whole)).to.equal('/x/backup.passwd');
  });

  it('has a table that documents every option once', () => {
    const names = KEYS.map(({ name }) => name);
    expect(new Set(names).size).to.equal(names.length);
    for (const { name, meaning } of KEYS) expect(meaning.endsWith('.'), name).to.equal(true);
  });
});
