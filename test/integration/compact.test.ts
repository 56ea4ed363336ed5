/**
 * Compaction and the real ones: of what a real master replicates while it goes on; of what the original backupd wrote, beside the original
 * compact; and the original tools over what ours has compacted.
 */
import { expect } from 'chai';
import { appendFileSync, copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { BackupServer, runOurs } from '../support/backupdDaemon.ts';
import { differences } from '../support/convergence.ts';
import { CyrusMaster, giveToCyrus } from '../support/cyrus.ts';
import { waitUntil } from '../support/machine.ts';
import { appendMessages } from '../support/mailboxes.ts';
import { cyrusRequirements, needs } from '../support/needs.ts';
import { OriginalTools } from '../support/originals.ts';
import { Workload } from '../support/workload.ts';

describe('compact of what a real master replicates', function () {
  this.timeout(180_000);

  it('over and over while it does, leaves what the master has, and nothing to send', async function () {
    needs(this, ...cyrusRequirements);
    const [master, backup] = await Promise.all([
      CyrusMaster.start({ extraConf: 'allowusermoves: yes\n' }),
      BackupServer.start('backup_retention: 2s\nbackup_compact_minsize: 100\nbackup_compact_maxsize: 1000\n'),
    ]);
    const users = ['anne', 'bethany', 'carl'];
    const workload = new Workload(master, 17, users);
    const rolling = master.rolling(backup.address);
    const outcomes = new Map<string, number>();
    const compactAll = async (): Promise<void> => {
      const { stdout, stderr } = await runOurs('ctl_backups', [
        '-C',
        backup.conf,
        '-F',
        '--force-drop',
        'compact',
        '-A',
      ]);
      // At first there is none yet.
      for (const line of `${stdout}${stderr}`.split('\n').filter((text) => text !== '')) {
        const outcome = line.replace(/^compact \S+: /, '');
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      }
    };
    try {
      for (const user of users) await master.createUser(user);
      for (let step = 0; step < 300; step += 1) {
        await workload.step();
        if (step % 10 === 9) await compactAll();
      }
      workload.close();
      await waitUntil(() => master.hasCaughtUp(), { timeoutMs: 60_000, what: () => rolling.output });
      await rolling.stop();
      expect(await differences(master, backup, workload.users)).to.deep.equal([]);
      await setTimeout(3000);
      await compactAll();
      expect(await differences(master, backup, workload.users), 'at the end').to.deep.equal([]);
      expect([...outcomes.keys()]).to.have.members(outcomes.has('locked') ? ['ok', 'locked'] : ['ok']);
      expect(outcomes.get('ok')).to.be.above(20);
      const verified = await runOurs('ctl_backups', ['-C', backup.conf, 'verify', '-A']);
      expect(verified.stdout).to.match(/^(verify \S+: ok\n)+$/);
    } finally {
      workload.close();
      await rolling.stop();
      await Promise.all([master.stop(), backup.stop()]);
    }
  });

  it('leaves files that the original tools read, verify and compact', async function () {
    needs(this, ...cyrusRequirements);
    const [master, backup] = await Promise.all([
      CyrusMaster.start(),
      BackupServer.start('backup_retention: 1s\n'),
    ]);
    let tools: OriginalTools | undefined;
    try {
      await master.createUser('anne');
      const client = await master.imap('anne');
      // No literals: Debian's tools cannot read any.
      await client.create('INBOX/Archive', 'INBOX/Gone', 'INBOX/Receipts');
      await appendMessages(client, 'INBOX', 1, 30);
      await appendMessages(client, 'INBOX/Gone', 50, 5);
      const sync = async (): Promise<void> => {
        const { code, stdout, stderr } = await master.syncClient(['-u', 'anne'], backup.address);
        expect(code, `${stdout}${stderr}${backup.log}`).to.equal(0);
      };
      await sync();
      await appendMessages(client, 'INBOX/Archive', 100, 10);
      await client.expunge('INBOX', '3,5,7:20');
      await client.command('RENAME', '"INBOX/Receipts"', '"INBOX/Expenses"');
      await client.command('DELETE', '"INBOX/Gone"');
      await sync();
      await appendMessages(client, 'INBOX/Archive', 200, 2);
      await sync();
      client.close();
      await setTimeout(2500);
      const compacted = await runOurs('ctl_backups', [
        '-C',
        backup.conf,
        '-w',
        '-F',
        // The retention is over by the clock, though no line is so late.
        '--force-clock',
        '--force-drop',
        'compact',
        'anne',
      ]);
      expect(compacted.stdout + compacted.stderr).to.equal('compact anne: ok\n');
      const dataFile = (await backup.dataFile('anne')) ?? '';
      tools = await OriginalTools.over('anne', dataFile);
      for (const command of ['reindex', 'verify', 'stat']) {
        const { code, stdout, stderr } = await tools.ctlBackups(command);
        expect(code, `${command}: ${stdout}${stderr}`).to.equal(0);
      }
      const messages = JSON.parse((await tools.cyrBackup('json', 'messages')).stdout) as { guid: string }[];
      const held = [...(await master.truth('anne')).values()].flat().map(({ sha1 }) => sha1);
      // Of DELETED mailboxes, too, which the master still has.
      expect(messages.map(({ guid }) => guid)).to.include.members(held);
      expect(messages.length).to.equal(held.length + 5);
      const [first] = held;
      const dumped = await tools.cyrBackup('dump', 'message', first ?? '');
      const body = [...(await master.truth('anne')).values()].flat()[0]?.body;
      expect(dumped.stdout).to.equal(body?.toString('latin1'));
      const again = await tools.ctlBackups('compact');
      expect(again.stdout, 'nothing to do for them').to.match(/compact anne: (ok|skipped)/);
      expect((await tools.ctlBackups('verify')).code).to.equal(0);
    } finally {
      tools?.remove();
      await Promise.all([master.stop(), backup.stop()]);
    }
  });
});

describe('compact beside the original compact, of files that the original backupd wrote', function () {
  this.timeout(120_000);

  let master: CyrusMaster;
  let conf: string;
  let file: string;
  let copies = 0;

  before(async function () {
    needs(this, ...cyrusRequirements);
    master = await CyrusMaster.start({ withBackupd: true });
    conf = join(master.folder, 'imapd.conf');
    await master.createUser('anne');
    const client = await master.imap('anne');
    await client.create('INBOX/Archive');
    const sync = async (): Promise<void> => {
      const { code, stdout, stderr } = await master.syncClient(['-u', 'anne'], master.originalBackupd);
      expect(code, stdout + stderr).to.equal(0);
    };
    for (let round = 0; round < 12; round += 1) {
      await appendMessages(client, round % 2 === 0 ? 'INBOX' : 'INBOX/Archive', round * 10, 5);
      if (round === 6) await client.expunge('INBOX', '2:8');
      await sync();
    }
    client.close();
    file = (await master.tool('ctl_backups', 'list', '-u', 'anne')).stdout.trim().split('\t')[3] ?? '';
  });

  after(() => master?.stop());

  /** Two copies, one for each. */
  function copied(): [theirs: string, ours: string] {
    copies += 1;
    const paths = ['a', 'b'].map((which) => join(master.folder, `copy${copies}${which}_ABCDEF`));
    for (const path of paths) {
      copyFileSync(file, path);
      copyFileSync(`${file}.index`, `${path}.index`);
      giveToCyrus(path);
      giveToCyrus(`${path}.index`);
    }
    return paths as [string, string];
  }

  for (const [title, keys, args] of [
    ['with the defaults', '', ['-v']],
    ['by force', '', ['-v', '-F']],
    ['that combines', 'backup_compact_minsize: 1000\n', ['-v']],
    ['that combines up to a size', 'backup_compact_minsize: 20\nbackup_compact_maxsize: 30\n', ['-v']],
    ['with too little to do', 'backup_compact_minsize: 1000\nbackup_compact_work_threshold: 100\n', ['-v']],
    ['in JSON', 'backup_compact_minsize: 1000\n', ['-j']],
    ['that keeps the files of before', 'backup_compact_minsize: 1000\nbackup_keep_previous: yes\n', []],
  ] as const) {
    it(`${title}: the same words, and files that both find well`, async () => {
      const own = join(master.folder, `imapd${copies}.conf`);
      copyFileSync(conf, own);
      appendFileSync(own, keys);
      const [theirs, ours] = copied();
      await runOurs('ctl_backups', ['-C', own, 'reindex', '-f', ours]);
      const said = await master.tool('ctl_backups', ...args, '-C', own, 'compact', '-f', theirs);
      const our = await runOurs('ctl_backups', ['-C', own, ...args, 'compact', '-f', ours]);
      const shape = (text: string): string => text.replaceAll(/copy\d+[ab]_/g, 'copy_');
      // A backup with nothing to do is no failure here, and -v says why on standard error.
      const isSkipped = /: skipped$/m.test(said.stdout);
      expect(shape(our.stdout)).to.equal(shape(said.stdout));
      expect(our.code).to.equal(isSkipped ? 0 : said.code);
      if (isSkipped) expect(our.stderr).to.include('nothing to do: fewer than');
      else expect(our.stderr).to.equal(said.stderr);
      for (const path of [theirs, ours]) {
        giveToCyrus(path);
        for (const command of ['reindex', 'verify']) {
          const byOurs = await runOurs('ctl_backups', ['-C', conf, command, '-f', path]);
          expect(byOurs.stdout + byOurs.stderr).to.match(new RegExp(`${command} .*: ok\n$`));
        }
      }
      for (const command of ['reindex', 'verify']) {
        giveToCyrus(`${ours}.index`);
        const { code, stdout, stderr } = await master.tool('ctl_backups', command, '-f', ours);
        expect(code, `${command}: ${stdout}${stderr}`).to.equal(0);
      }
      expect(existsSync(`${ours}.new`)).to.equal(false);
    });
  }

  it('splits no later than they do: what it writes is in another order within a chunk', async () => {
    const own = join(master.folder, 'split.conf');
    copyFileSync(conf, own);
    appendFileSync(own, 'backup_compact_maxsize: 2\n');
    const [theirs, ours] = copied();
    const said = await master.tool('ctl_backups', '-v', '-C', own, 'compact', '-f', theirs);
    const our = await runOurs('ctl_backups', ['-C', own, '-v', 'compact', '-f', ours]);
    const splits = (text: string): string[] => text.match(/splitting chunk \d+/g) ?? [];
    expect(splits(our.stdout)).to.include.members(splits(said.stdout));
    expect(splits(our.stdout)).to.not.deep.equal([]);
    giveToCyrus(ours);
    for (const command of ['reindex', 'verify']) {
      const { code, stdout, stderr } = await master.tool('ctl_backups', command, '-f', ours);
      expect(code, `${command}: ${stdout}${stderr}`).to.equal(0);
      giveToCyrus(`${ours}.index`);
    }
  });
});
