/**
 * Our tools beside the originals: the same commands on the same files, which the original backupd wrote, print the same lines on the same
 * streams and end with the same code, but for what docs/reference/deviations.md says.
 */
import { expect } from 'chai';
import { appendFileSync, copyFileSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { runCtlBackups } from '../../src/cli/ctl_backups/main.ts';
import { runCyrBackup } from '../../src/cli/cyr_backup/main.ts';
import { LockedFile } from '../../src/fs/lockedFile.ts';
import { Capture } from '../backup/sampleBackup.ts';
import { CyrusMaster, giveToCyrus } from '../support/cyrus.ts';
import type { Outcome } from '../support/machine.ts';
import { appendMessages } from '../support/mailboxes.ts';
import { cyrusRequirements, needs } from '../support/needs.ts';
import { expectSame, theirCode } from '../support/sameOutput.ts';

/** ANNE, FILE, GUID and the like are replaced by what the files have. */
const CTL: readonly string[][] = [
  ['list', '-A'],
  ['list'],
  ['list', '-u', 'anne', 'bob@example.com'],
  ['list', '-f', 'FILE'],
  ['list', '-m', 'user/anne/Archive'],
  ['list', '-P', 'an', 'bob'],
  ['list', '-D', 'example.com'],
  ['-V', 'list', 'anne'],
  ['-j', 'list', 'anne', '%SHARED'],
  ['-j', 'list', '-f', 'FILE'],
  ['list', '-t', '1', '-A'],
  ['list', '-A', '-t'],
  ['list', 'nobody'],
  ['stat', 'anne', 'bob@example.com'],
  ['stat', '-A'],
  ['stat', '-f', 'FILE'],
  ['-V', 'stat', 'anne'],
  ['-j', 'stat', '-A'],
  ['-j', 'stat', '-f', 'FILE'],
  ['stat', 'nobody'],
  ['verify', 'anne'],
  ['verify', '-A'],
  ['verify', '-f', 'FILE'],
  ['-v', 'verify', '-A'],
  ['-v', '-v', 'verify', 'anne'],
  ['-j', 'verify', 'anne', 'bob@example.com'],
  ['verify', 'nobody'],
  ['-w', 'verify', 'anne'],
  ['reindex', 'anne'],
  ['reindex', '-A'],
  ['-j', 'reindex', '-f', 'FILE'],
  ['lock', 'anne'],
  ['lock', '-p', '-f', 'FILE'],
  ['lock', 'nobody'],
  ['lock', '-x', 'true', 'anne'],
  ['lock', '-x', 'test "$ctl_backups_lock_index_fname" = "$ctl_backups_lock_data_fname.index"', 'anne'],
];

const CYR: readonly string[][] = [
  ['anne', 'list', 'chunks'],
  ['anne', 'list', 'mailboxes'],
  ['anne', 'list', 'messages'],
  ['anne', 'list', 'all'],
  ['%SHARED', 'list', 'all'],
  ['-m', 'user/anne/Archive', 'list', 'mailboxes'],
  ['-f', 'FILE', 'list', 'chunks'],
  ['-v', 'anne', 'list', 'chunks'],
  ['anne', 'show', 'mailboxes', 'user/anne', 'user/anne/Archive'],
  ['anne', 'show', 'mailboxes', 'UNIQUEID'],
  ['anne', 'show', 'messages', 'GUID', 'GUID2'],
  ['anne', 'dump', 'chunk', '1'],
  ['anne', 'dump', 'chunk', '2'],
  ['anne', 'dump', 'message', 'GUID'],
  ['anne', 'json', 'chunks'],
  ['anne', 'json', 'mailboxes'],
  ['anne', 'json', 'messages'],
  ['%SHARED', 'json', 'mailboxes'],
  ['anne', 'json', 'headers', 'GUID', 'GUID2'],
];

/** Only the code is the same: what is said is in words of our own. */
const CODES: readonly [tool: 'ctl_backups' | 'cyr_backup', args: readonly string[]][] = [
  ['ctl_backups', []],
  ['ctl_backups', ['frobnicate']],
  ['ctl_backups', ['list', '-A', 'anne']],
  ['ctl_backups', ['list', '-u', '-f', 'anne']],
  ['ctl_backups', ['-j', '-v', 'list']],
  ['ctl_backups', ['-p', 'list']],
  ['ctl_backups', ['lock', '-A']],
  ['ctl_backups', ['lock', 'anne', 'bob@example.com']],
  ['ctl_backups', ['lock', '-p', '-s', 'anne']],
  ['ctl_backups', ['lock', '-c', '-f', 'FILE']],
  ['ctl_backups', ['verify', '-f', '/nonexistent/file']],
  ['ctl_backups', ['list', '-f', '/nonexistent/file']],
  ['cyr_backup', ['anne']],
  ['cyr_backup', ['anne', 'list']],
  ['cyr_backup', ['anne', 'show', 'messages']],
  ['cyr_backup', ['anne', 'dump', 'chunk', '1', '2']],
  ['cyr_backup', ['anne', 'dump', 'chunk', '99']],
  ['cyr_backup', ['anne', 'dump', 'message', '0'.repeat(40)]],
  ['cyr_backup', ['nobody', 'list', 'chunks']],
];

/** See docs/reference/deviations.md. */
const DEVIATING: readonly [tool: 'ctl_backups' | 'cyr_backup', args: readonly string[]][] = [
  ['ctl_backups', ['list', 'nobody', 'anne']],
  ['ctl_backups', ['-v', 'reindex', 'anne']],
  ['ctl_backups', ['lock', '-x', 'exit 3', 'anne']],
  ['cyr_backup', ['anne', 'show', 'mailboxes', 'user/anne/Nowhere']],
];

type Tool = 'ctl_backups' | 'cyr_backup';

describe('our tools beside the originals', function () {
  this.timeout(120_000);

  let master: CyrusMaster;
  let conf: string;
  const theirs = new Map<string, Outcome>();
  const words = new Map<string, string>();
  const zone = process.env['TZ'];

  const named = (args: readonly string[]): string[] => args.map((arg) => words.get(arg) ?? arg);
  const keyOf = (tool: Tool, args: readonly string[]): string => [tool, ...args].join(' ');

  async function runTheirs(tool: Tool, args: readonly string[]): Promise<void> {
    theirs.set(keyOf(tool, args), await master.tool(tool, ...named(args)));
  }

  async function runOurs(tool: Tool, args: readonly string[]): Promise<Outcome> {
    const io = new Capture();
    const run = tool === 'ctl_backups' ? runCtlBackups : runCyrBackup;
    const code = await run(['-C', conf, ...named(args)], io);
    return { code, stdout: io.bytes.toString('latin1'), stderr: io.err };
  }

  before(async function () {
    needs(this, ...cyrusRequirements);
    process.env['TZ'] = 'UTC';
    master = await CyrusMaster.start({ withBackupd: true });
    conf = join(master.folder, 'imapd.conf');
    await fill(master);
    const files = (await master.tool('ctl_backups', 'list', '-u', 'anne')).stdout.trim().split('\t');
    words.set('FILE', files[3] ?? '');
    const messages = (await master.tool('cyr_backup', 'anne', 'list', 'messages')).stdout.split('\n');
    words.set('GUID', messages[0] ?? '').set('GUID2', messages[7] ?? '');
    const boxes = JSON.parse((await master.tool('cyr_backup', 'anne', 'json', 'mailboxes')).stdout) as {
      uniqueid: string;
    }[];
    words.set('UNIQUEID', boxes[1]?.uniqueid ?? '');
    // First what only looks: their reindex forgets chunks without lines.
    for (const args of CYR) await runTheirs('cyr_backup', args);
    for (const args of CTL) await runTheirs('ctl_backups', args);
    for (const [tool, args] of [...CODES, ...DEVIATING]) await runTheirs(tool, args);
    setIndexesAside(join(master.folder, 'backup'));
    expect((await runOurs('ctl_backups', ['reindex', '-A'])).code).to.equal(0);
  });

  after(async () => {
    if (zone === undefined) delete process.env['TZ'];
    else process.env['TZ'] = zone;
    await master?.stop();
  });

  for (const [tool, commands] of [
    ['ctl_backups', CTL],
    ['cyr_backup', CYR],
  ] as const) {
    for (const args of commands) {
      it(`${tool} ${args.join(' ')}`, async () => {
        expectSame(await runOurs(tool, args), theirs.get(keyOf(tool, args)));
      });
    }
  }

  for (const [tool, args] of CODES) {
    it(`${tool} ${args.join(' ')}: the same exit code, or a more exact one`, async () => {
      const { code, stderr } = await runOurs(tool, args);
      const { code: original } = theirs.get(keyOf(tool, args)) ?? {};
      expect(theirCode(code, original), stderr).to.equal(original);
    });
  }

  describe('deviates where they', () => {
    /** What both said, theirs first. */
    async function both(index: number): Promise<[Outcome, Outcome]> {
      const [tool, args] = DEVIATING[index] ?? ['ctl_backups', []];
      return [theirs.get(keyOf(tool, args)) as Outcome, await runOurs(tool, args)];
    }

    it('go on to a backup that is there, and forget that another was not', async () => {
      const [said, ours] = await both(0);
      expect([said.code, ours.code]).to.deep.equal([0, 67]);
      expect({ ...ours, code: 0 }).to.deep.equal(said);
    });

    it('find one more chunk, at the end of the file', async () => {
      const [said, ours] = await both(1);
      const phantom = `\n\nfound chunk at offset ${statSync(words.get('FILE') ?? '').size}\n`;
      expect(said.stdout).to.include(phantom);
      expect(ours.stdout).to.equal(said.stdout.replace(phantom, ''));
    });

    it('lose the exit code of a command that ran under the lock', async () => {
      const [said, ours] = await both(2);
      expect([said.code, ours.code]).to.deep.equal([75, 3]);
    });

    it('pass silently over what is not there', async () => {
      const [said, ours] = await both(3);
      expect(said).to.deep.equal({ code: 0, stdout: '', stderr: '' });
      expect(ours).to.deep.equal({
        code: 66,
        stdout: '',
        stderr: 'anne: no mailbox user/anne/Nowhere\n',
      });
    });
  });

  it('verify and reindex of a backup that is locked', async () => {
    const copy = join(master.folder, 'locked_ABCDEF');
    copyFileSync(words.get('FILE') ?? '', copy);
    giveToCyrus(copy);
    const file = await LockedFile.acquire(copy);
    try {
      for (const args of [
        ['verify', '-f', copy],
        ['-j', 'reindex', '-f', copy],
      ]) {
        const said = await master.tool('ctl_backups', ...args);
        expect(said.stdout).to.include('locked');
        expect(await runOurs('ctl_backups', args)).to.deep.equal(said);
      }
    } finally {
      file.release();
    }
  });

  describe('moves', () => {
    it('what their tools find well with what we moved', async () => {
      mkdirSync(join(master.folder, 'second'));
      giveToCyrus(join(master.folder, 'second'));
      appendFileSync(conf, `backuppartition-second: ${master.folder}/second\n`);
      const moved = await runOurs('ctl_backups', ['move', 'anne', 'second']);
      expect(moved.stdout + moved.stderr).to.equal('move anne: ok\n');
      giveToCyrus(master.folder);
      for (const command of ['reindex', 'verify']) {
        const { code, stdout } = await master.tool('ctl_backups', command, 'anne');
        expect({ code, stdout }).to.deep.equal({ code: 0, stdout: `${command} anne: ok\n` });
      }
      expect((await master.tool('ctl_backups', 'list', 'anne')).stdout).to.include(
        `${master.folder}/second/a/anne_`,
      );
    });
  });
});

/** Two users, one in a domain, and a shared mailbox; messages that came, went and moved. No literals: Debian's tools read none. */
async function fill(master: CyrusMaster): Promise<void> {
  const sync = async (...args: string[]): Promise<void> => {
    // They look at the clock for a chunk's start, and again for its first line (backup/lcb_append.c): a second is not to end in between.
    await setTimeout(1000 - (Date.now() % 1000));
    const { code, stdout, stderr } = await master.syncClient(args, master.originalBackupd);
    expect(code, stdout + stderr).to.equal(0);
  };
  await master.createUser('anne');
  await master.createUser('bob@example.com');
  const client = await master.imap('anne');
  await client.create('INBOX/Archive', 'INBOX/Archive/2024', 'INBOX/Receipts');
  await appendMessages(client, 'INBOX', 1, 12);
  await appendMessages(client, 'INBOX/Archive', 100, 5);
  await sync('-u', 'anne');
  await appendMessages(client, 'INBOX/Receipts', 200, 3);
  await client.expunge('INBOX', '3,5');
  await sync('-u', 'anne');
  await sync('-u', 'anne');
  client.close();
  const bob = await master.imap('bob@example.com');
  await appendMessages(bob, 'INBOX', 300, 2);
  bob.close();
  await sync('-u', 'bob@example.com');
  const admin = await master.admin();
  await admin.create('board');
  admin.close();
  await sync('-m', 'board');
}

/** Whatever is not ours is built anew at once; aside so that nothing of theirs helps. */
function setIndexesAside(partition: string): void {
  for (const hash of readdirSync(partition)) {
    for (const name of readdirSync(join(partition, hash))) {
      const path = join(partition, hash, name);
      if (name.endsWith('.index')) renameSync(path, `${path}.theirs`);
    }
  }
}
