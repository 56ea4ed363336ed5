import { expect } from 'chai';
import { randomBytes } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { runCtlBackups } from '../../../../src/cli/ctl_backups/main.ts';
import { Twoskip } from '../../../../src/catalog/twoskip/database.ts';
import { SqliteDatabase } from '../../../../src/index/store/sqlite.ts';
import { LockedFile } from '../../../../src/fs/lockedFile.ts';
import { runCtl } from '../../../support/killedTool.ts';
import { Capture, SampleSite } from '../../../backup/sampleBackup.ts';

/** Large enough that other processes take part. */
const LARGE_BYTES = 9 << 20;

describe('ctl_backups on several backups at a time', function () {
  this.timeout(20_000);

  let site: SampleSite;
  const userids = ['anne', 'bella', 'carl', 'dora', 'emil', 'fred'];

  before(async () => {
    site = await SampleSite.create(userids);
    // A chunk with an upload that nobody claims, which does not compress.
    const message = randomBytes(LARGE_BYTES);
    const guid = '0'.repeat(40);
    const line = `1795383000 APPLY MESSAGE (%{default ${guid} ${message.length}}\r\n`;
    const chunk = Buffer.concat([
      Buffer.from(`# cyrus backup: chunk start\r\n${line}`),
      message,
      Buffer.from(')\r\n'),
    ]);
    appendFileSync(site.pathOf('bella'), gzipSync(chunk, { level: 1 }));
  });

  after(() => site.remove());

  async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
    const io = new Capture();
    const code = await runCtlBackups(['-C', site.config, ...args], io);
    return { code, out: io.out, err: io.err };
  }

  for (const command of ['reindex', 'verify']) {
    it(`${command} prints the same, in the same order, as one at a time`, async () => {
      const alone = await run('--jobs', '1', command, '-A');
      const shared = await run('--jobs', '3', command, '-A');
      expect(shared).to.deep.equal(alone);
    });
  }

  it('goes on behind one that fails', async () => {
    const { code, out } = await run('--jobs', '3', 'verify', '-A');
    expect(code).to.equal(65);
    expect(out).to.match(/verify anne: ok\n[^]*verify bella: failed[^]*verify fred: ok\n$/);
  });

  it('stops behind one that fails with -S', async () => {
    const { out } = await run('--jobs', '3', '-S', 'verify', '-A');
    expect(out).to.match(/verify bella: failed/);
    expect(out).not.to.include('carl');
  });

  it('meets the locks of this process like any other', async () => {
    const file = await LockedFile.acquire(site.pathOf('emil'));
    try {
      expect((await run('--jobs', '3', 'verify', '-A')).out).to.include('verify emil: locked\n');
    } finally {
      file.release();
    }
  });

  it('prints JSON, and details apart', async () => {
    const { out, err } = await run('--jobs', '3', '-j', 'verify', '-A');
    const objects = JSON.parse(`[${out.replaceAll('}\n{', '},{')}]`) as { userid: string }[];
    expect(objects.map(({ userid }) => userid)).to.deep.equal(userids);
    expect(err).to.match(/guid mismatch/);
  });

  it('shows on a terminal how far it is, and takes it away', async () => {
    const io = new Capture();
    const stderr = { ...io.stderr, isTTY: true };
    await runCtlBackups(['-C', site.config, '--jobs', '1', 'reindex', 'bella'], {
      stdout: io.stdout,
      stderr,
    });
    expect(io.err).to.match(/^(?:reindex bella [0-9]+ % \([0-9.]+ MB\/s, [0-9a-z]+ left\)\r\u001b\[K)*$/);
    expect(io.out).to.match(/reindex bella: ok\n$/);
  });

  it('shows nothing of it in a script', async () => {
    expect((await run('reindex', 'bella')).err).to.equal('');
  });
});

describe('ctl_backups on all backups, one of which is not as it should be', function () {
  this.timeout(30_000);

  let site: SampleSite;
  const userids = ['anne', 'bella', 'carl', 'dora', 'emil'];

  beforeEach(async () => {
    site = await SampleSite.create(userids);
  });

  afterEach(() => site.remove());

  async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
    const io = new Capture();
    const code = await runCtlBackups(['-C', site.config, ...args], io);
    return { code, out: io.out, err: io.err };
  }

  /** All pages but the first, which has the schema. */
  function damagePages(): void {
    const path = `${site.pathOf('bella')}.index`;
    const bytes = readFileSync(path);
    bytes.fill(0x5a, 4096);
    writeFileSync(path, bytes);
  }

  const troubles: readonly [what: string, make: () => void][] = [
    ['whose index is damaged in every page', damagePages],
    [
      'whose index is a FIFO',
      () => {
        rmSync(`${site.pathOf('bella')}.index`);
        execFileSync('mkfifo', [`${site.pathOf('bella')}.index`]);
      },
    ],
    [
      'whose index has a trigger',
      () => {
        const db = new SqliteDatabase(`${site.pathOf('bella')}.index`);
        db.exec('CREATE TRIGGER lie AFTER INSERT ON record BEGIN DELETE FROM record; END');
        db.close();
      },
    ],
  ];
  for (const [what, make] of troubles) {
    for (const command of ['list', 'stat', 'reindex', 'compact', 'verify']) {
      it(`${command} goes past one ${what}, and does that one too`, async () => {
        const before = await run(command, '-F', '-A').then(({ out }) => out);
        await run('reindex', '-A');
        make();
        rmSync(join(site.folder, 'conf/figures.db'), { force: true });
        const { code, out } = await run(command, '-F', '-A');
        // list reads no log: the time is the data file's then.
        const told = (text: string): string => text.replace(/^.*(?=\t\d+\tbella\t)/m, '');
        if (command !== 'verify') expect(told(out)).to.equal(told(before));
        for (const userid of userids.filter((each) => each !== 'bella' || command !== 'verify')) {
          expect(out, userid).to.match(new RegExp(`\\b${userid}\\b(?!.*failed)`));
        }
        if (command === 'verify') expect(out).to.match(/the index is damaged.*\n[^]*verify bella: failed \(/);
        expect(code).to.equal(command === 'verify' ? 65 : 0);
        expect((await run('verify', '--repair', '-A')).code).to.equal(0);
      });
    }
  }

  for (const command of ['list', 'stat', 'verify', 'reindex', 'compact']) {
    it(`${command} names one that is a folder, and does all others`, async () => {
      rmSync(site.pathOf('bella'));
      mkdirSync(site.pathOf('bella'));
      const { code, out, err } = await run(command, '-F', '-A');
      expect(code).to.equal(command === 'list' ? 0 : 65);
      if (command !== 'list') expect(out + err).to.match(/bella: .*(?:EISDIR|not a regular file|is a )/);
      for (const userid of ['anne', 'carl', 'dora', 'emil']) expect(out).to.include(userid);
    });

    it(`${command} names one whose entry in backups.db cannot be read, and does all others`, async () => {
      const database = Twoskip.open(join(site.folder, 'conf/backups.db'));
      database.put(Buffer.from('bella'), Buffer.from([0x2f, 0xff, 0xfe]));
      database.close();
      const { code, out, err } = await run(command, '-F', '-A');
      expect(code).to.equal(65);
      expect(err).to.match(/^bella: .*backups\.db: .* is no data file of a configured partition.*\n$/);
      for (const userid of ['anne', 'carl', 'dora', 'emil']) expect(out).to.include(userid);
    });
  }

  it('names those that were at work in a process that was killed, and does the others', async () => {
    const many = await SampleSite.create(Array.from({ length: 40 }, (_, at) => `user${at}`));
    // The first 32 are done in the process itself.
    const { code, out } = runCtl(['-C', many.config, '--jobs', '3', 'reindex', '-A'], 'worker:begun');
    many.remove();
    expect(code).to.equal(70);
    expect(
      out.match(
        /^reindex user\d+: (?:ok|failed \(the process at work on it ended by itself \(SIGKILL\)\))$/gm,
      ),
    ).to.have.length(40);
    expect(out.match(/failed/g)).to.have.length(8);
  });
});
