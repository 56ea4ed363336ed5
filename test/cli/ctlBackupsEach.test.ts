import { expect } from 'chai';
import { randomBytes } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { runCtlBackups } from '../../src/cli/ctlBackups.ts';
import { LockedFile } from '../../src/fs/lockedFile.ts';
import { Capture, SampleSite } from '../backup/sampleBackup.ts';

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
    expect(code).to.equal(75);
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
    expect(io.err).to.match(/^(?:reindex bella [0-9]+ % \([0-9a-z]+ left\)\r\u001b\[K)*$/);
    expect(io.out).to.match(/reindex bella: ok\n$/);
  });

  it('shows nothing of it in a script', async () => {
    expect((await run('reindex', 'bella')).err).to.equal('');
  });
});
