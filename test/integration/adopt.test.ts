/**
 * Taking over what the real original backupd wrote: a real Cyrus replicates into it, `adopt` takes
 * the installation over, and the original ctl_backups still reads it afterwards.
 */
import { expect } from 'chai';
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { runOurs } from '../support/backupdDaemon.ts';
import { CyrusMaster } from '../support/cyrus.ts';
import { cyrusRequirements, needs } from '../support/needs.ts';

describe('cyrus-backups adopt, over the original backupd’s own files', function () {
  this.timeout(120_000);
  let master: CyrusMaster;
  let conf: string;

  before(async function () {
    needs(this, ...cyrusRequirements);
    master = await CyrusMaster.start({ withBackupd: true });
    await master.createUser('anne');
    const imap = await master.imap('anne');
    await imap.append('INBOX', Buffer.from('Subject: one\r\n\r\nfirst\r\n'));
    imap.close();
    const { code, stderr } = await master.syncClient(['-u', 'anne'], master.originalBackupd);
    expect(code, stderr).to.equal(0);
    conf = join(master.folder, 'imapd.conf');
  });
  after(async () => master?.stop());

  /** Without the journal, which the original backupd removes when it closes the backup. */
  const files = (): string[] =>
    readdirSync(join(master.folder, 'backup'), { recursive: true, encoding: 'utf8' })
      .filter((name) => !name.endsWith('-journal'))
      .toSorted();
  const dataFile = (): string => {
    const name = files().find((path) => /\/anne_\w{6}$/.test(path)) ?? '';
    return join(master.folder, 'backup', name);
  };
  const adopt = (...more: string[]) => runOurs('cyrus-backups', ['adopt', '-C', conf, ...more]);

  it('says what it would do, and changes nothing', async () => {
    const before = files();
    const { code, stdout, stderr } = await adopt();
    expect(code, stdout + stderr).to.equal(0);
    expect(stdout).to.match(
      /^anne: .*anne_\w{6}, \d+ bytes: would get an index; the original one would be kept$/m,
    );
    expect(stdout).to.include('1 backups, 0 with something wrong').and.include('Nothing was changed');
    expect(stdout).to.include('sasl_sasldb_path has no effect');
    expect(files()).to.deep.equal(before);
  });

  it('verifies and indexes, keeps the original index, and leaves the rest byte for byte', async () => {
    const database = readFileSync(join(master.folder, 'conf/backups.db'));
    const [data, index] = [readFileSync(dataFile()), readFileSync(`${dataFile()}.index`)];
    const { code, stdout, stderr } = await adopt('--apply');
    expect(code, stdout + stderr).to.equal(0);
    const [, kept = ''] =
      /^anne: verified, and indexed; the original index is kept as (\S+)$/m.exec(stdout) ?? [];
    expect(readFileSync(kept).equals(index)).to.equal(true);
    expect(readFileSync(dataFile()).equals(data)).to.equal(true);
    expect(readFileSync(join(master.folder, 'conf/backups.db')).equals(database)).to.equal(true);
    expect((await runOurs('ctl_backups', ['-C', conf, 'verify', 'anne'])).code).to.equal(0);
    expect((await adopt('--apply')).stdout).to.match(/^anne: verified, and indexed$/m);
  });

  it('the original tools read the store again with the index that was kept', async () => {
    const path = dataFile();
    const kept = readdirSync(dirname(path)).find((name) => /\.index\.\d+$/.test(name)) ?? '';
    rmSync(`${path}.index`);
    renameSync(join(dirname(path), kept), `${path}.index`);
    const list = await master.tool('ctl_backups', 'list', '-u', 'anne');
    expect(list.stdout, list.stderr).to.include(path);
    const verify = await master.tool('ctl_backups', '-v', 'verify', '-u', 'anne');
    expect(verify.stdout, verify.stderr).to.match(/^verify anne: ok$/m);
    const json = await master.tool('cyr_backup', '-u', 'anne', 'json', 'mailboxes');
    expect(json.stdout, json.stderr).to.match(/"uid": 1/);
  });

  it('names a damaged backup and exits with 75', async () => {
    const bytes = readFileSync(dataFile());
    bytes.fill(0x41, bytes.length >> 1, (bytes.length >> 1) + 8);
    writeFileSync(dataFile(), bytes);
    const { code, stdout } = await adopt('--apply');
    expect(stdout).to.match(/^anne: .*but: /m);
    expect(code).to.equal(75);
  });
});
