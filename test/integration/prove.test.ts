/** prove against Debian's Cyrus: what is damaged on purpose on either side is found and named. */
import Database from 'better-sqlite3';
import { expect } from 'chai';
import {
  closeSync,
  copyFileSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { BackupServer } from '../support/backupdDaemon.ts';
import type { CyrusMaster } from '../support/cyrus.ts';
import { giveToCyrus } from '../support/cyrus.ts';
import { cyrusRequirements, needs } from '../support/needs.ts';
import { differencesOf, loginTo, prove, replicateAll, startReplicated } from '../support/proving.ts';

describe('prove over a real server', function () {
  this.timeout(180_000);

  let master: CyrusMaster;
  let backup: BackupServer;

  before(async function () {
    needs(this, ...cyrusRequirements);
    [master, backup] = await startReplicated();
  });

  after(async () => {
    await Promise.all([master?.stop(), backup?.stop()]);
  });

  const replicate = (): Promise<void> => replicateAll(master, backup);

  /** Runs the work on a copy of the backup's files, which are put back afterwards. */
  async function onBackup(user: string, work: (path: string) => void | Promise<void>): Promise<void> {
    const path = (await backup.dataFile(user)) ?? '';
    const files = [path, `${path}.index`];
    for (const file of files) copyFileSync(file, `${file}.kept`);
    try {
      await work(path);
    } finally {
      for (const file of [`${path}.index-wal`, `${path}.index-shm`]) rmSync(file, { force: true });
      for (const file of files) renameSync(`${file}.kept`, file);
    }
  }

  function sql(path: string, text: string): void {
    const database = new Database(`${path}.index`);
    database.exec(text);
    database.close();
  }

  /** Returns the folder of a mailbox in the master's spool: that whose header names the mailbox. */
  function spoolOf(user: string, folder: string): string {
    const header = filesBelow(join(master.folder, 'data')).find(
      (path) =>
        path.endsWith('cyrus.header') && readFileSync(path, 'latin1').includes(`user.${user}.${folder}`),
    );
    return dirname(header ?? '');
  }

  it('a clean server is proved as a whole, all messages read', async () => {
    const { code, stdout, users } = await prove(backup, master, { sampleSize: Infinity, isThorough: true });
    expect(code, stdout).to.equal(0);
    expect(users.map(({ user, verdict }) => [user, verdict])).to.have.deep.members([
      ['anne', 'proved'],
      ['bethany', 'proved'],
      ['foo.bar@example.com', 'proved'],
    ]);
    expect(stdout).to.match(/^prove: 3 users, 11 mailboxes, 76 messages, 76 of them read on both sides/m);
  });

  it('over csync, too; what it cannot see there is said', async () => {
    const { code, stdout, stderr } = await prove(backup, master, loginTo(master, master.syncServer.port));
    expect(code, stdout).to.equal(0);
    expect(stderr).to.contain('users and mailboxes without a backup are not looked for');
  });

  it('a record that is damaged in the backup is named', async () => {
    await onBackup('bethany', async (path) => {
      sql(path, `UPDATE record SET flags = '\\Flagged' WHERE uid = 3`);
      const proof = await prove(backup, master, { users: ['bethany'] });
      expect(proof.code).to.equal(75);
      expect(differencesOf(proof, 'bethany')).to.have.members([
        'wrong index user.bethany',
        'wrong index user.bethany.Work',
        'wrong record user.bethany 3',
        'wrong record user.bethany.Work 3',
      ]);
      expect(proof.stdout).to.match(
        /bethany: wrong: user\/bethany UID 3: record: backup FLAGS \(\\flagged\), server FLAGS/,
      );
    });
  });

  it('a record that the backup lost, and one that it made up', async () => {
    await onBackup('bethany', async (path) => {
      sql(
        path,
        `DELETE FROM record WHERE uid = 5 AND mailbox_id = (SELECT id FROM mailbox WHERE name = 'user.bethany');
         UPDATE record SET uid = 99 WHERE uid = 7 AND mailbox_id = (SELECT id FROM mailbox WHERE name = 'user.bethany.Work');`,
      );
      const found = differencesOf(await prove(backup, master, { users: ['bethany'] }), 'bethany');
      expect(found).to.include.members([
        'wrong record user.bethany 5',
        'wrong record user.bethany.Work 7',
        'wrong record user.bethany.Work 99',
      ]);
    });
  });

  it('a mailbox, an ACL, an annotation, a subscription, a script that are other in the backup', async () => {
    await onBackup('anne', async (path) => {
      sql(
        path,
        `UPDATE mailbox SET state = replace(state, 'lrswipkxtecdan', 'lrs') WHERE name = 'user.anne.Receipts';
         UPDATE mailbox SET state = replace(state, 'Keep these', 'Burn these') WHERE name = 'user.anne.Receipts';
         UPDATE mailbox SET name = 'user.anne.Lost' WHERE name = 'user.anne.Old Stuff';
         UPDATE mailbox SET uidvalidity = 7 WHERE name = 'user.anne.Archive';
         UPDATE item SET value = replace(value, 'keep', 'stop') WHERE kind = 'sieve';`,
      );
      const found = differencesOf(await prove(backup, master, { users: ['anne'] }), 'anne');
      expect(found).to.include.members([
        'wrong acl user.anne.Receipts',
        'wrong annotation user.anne.Receipts /comment of anne',
        'wrong mailbox user.anne.Lost',
        'wrong uidvalidity user.anne.Archive',
      ]);
      // A script of a few seconds ago may have been replaced in the same second.
      expect(found.filter((each) => /^(wrong|undated) script keep\.script$/.test(each))).to.have.length(1);
    });
  });

  it('a message whose annotation or bytes are damaged in the backup', async () => {
    await onBackup('anne', async (path) => {
      sql(path, `UPDATE record SET annotations = replace(annotations, 'savedate', 'savedays') WHERE uid = 2`);
      const fd = openSync(path, 'r+');
      writeSync(fd, Buffer.alloc(40, 0x55), 0, 40, Math.floor(statSync(path).size / 2));
      closeSync(fd);
      const proof = await prove(backup, master, { users: ['anne'], sampleSize: Infinity });
      const found = differencesOf(proof, 'anne');
      expect(found).to.include('wrong record user.anne 2');
      expect(found.filter((each) => each.startsWith('wrong message user.anne'))).to.have.lengthOf.at.least(1);
      const line = proof.users[0]?.differences.find(({ what }) => what === 'message');
      expect([line?.['backup'], line?.['server']].join()).to.match(/^is damaged: .*,is right$/);
    });
  });

  it('a spool file that is damaged, and one that is gone, on the master', async () => {
    const folder = spoolOf('bethany', 'Work');
    const kept = ['3.', '4.'].map((name) => [join(folder, name), readFileSync(join(folder, name))] as const);
    const [[damaged], [gone]] = kept as [[string, Buffer], [string, Buffer]];
    writeFileSync(damaged, 'Subject: other\r\n\r\nbytes\r\n');
    rmSync(gone);
    const proof = await prove(backup, master, { users: ['bethany'], sampleSize: Infinity });
    for (const [path, bytes] of kept) writeFileSync(path, bytes);
    giveToCyrus(folder);
    expect(proof.code).to.equal(75);
    expect(proof.stdout).to.match(
      /Work UID 3: message .*: backup is right, server has a file that is not the message/,
    );
    expect(proof.stdout).to.match(/Work UID 4: message .*: backup is right, server has no file/);
    expect((await prove(backup, master, { users: ['bethany'], sampleSize: Infinity })).code).to.equal(0);
  });

  it('an index that is damaged on the master: its mailbox cannot be opened', async () => {
    await replicate();
    const path = join(spoolOf('bethany', 'Work'), 'cyrus.index');
    const kept = readFileSync(path);
    const damaged = Buffer.from(kept);
    damaged.fill(0xff, 40, 60);
    writeFileSync(path, damaged);
    const proof = await prove(backup, master, { users: ['bethany'], settleSeconds: 0 });
    writeFileSync(path, kept);
    expect(proof.code).to.equal(75);
    expect(proof.stdout).to.match(
      /bethany: wrong: user\/bethany\/Work: mailbox: .*the server (cannot open it|lists it, but does not open it)/,
    );
  });

  it('a record that is damaged in the master`s index, whose checksum stays', async () => {
    const path = join(spoolOf('bethany', 'Work'), 'cyrus.index');
    const kept = readFileSync(path);
    const damaged = Buffer.from(kept);
    // The INTERNALDATE of the fourth record (cyrus-imapd imap/mailbox.h, OFFSET_INTERNALDATE).
    const [start, size] = [damaged.readUInt32BE(12), damaged.readUInt32BE(16)];
    damaged[start + 3 * size + 7] = (damaged[start + 3 * size + 7] ?? 0) ^ 0xff;
    writeFileSync(path, damaged);
    const proof = await prove(backup, master, { users: ['bethany'], isThorough: true, settleSeconds: 0 });
    writeFileSync(path, kept);
    expect(proof.code, proof.stdout).to.equal(75);
    expect(proof.stdout).to.contain('bethany: wrong: user/bethany/Work');
    expect((await prove(backup, master, { users: ['bethany'], isThorough: true })).code).to.equal(0);
  });

  it('a script that is damaged on the master', async () => {
    // Cyrus 3.6 keeps a script in a message of the mailbox #sieve.
    const folder = spoolOf('anne', '#sieve');
    const file = filesBelow(folder).find(
      (each) => /\/\d+\.$/.test(each) && readFileSync(each, 'latin1').includes('keep;'),
    );
    const path = file ?? '';
    const kept = readFileSync(path);
    writeFileSync(path, kept.toString('latin1').replace('keep;', 'stop;'), 'latin1');
    const proof = await prove(backup, master, { users: ['anne'], settleSeconds: 0 });
    writeFileSync(path, kept);
    expect(differencesOf(proof, 'anne')).to.deep.equal(['wrong script keep.script']);
  });
});

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name));
}
