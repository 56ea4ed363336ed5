import { expect } from 'chai';
import { existsSync, rmSync } from 'node:fs';
import { Readable } from 'node:stream';
import { runCtlBackups } from '../../../src/cli/ctl_backups/main.ts';
import { Capture, SampleSite } from '../../backup/sampleBackup.ts';

describe('ctl_backups delete, move and rename', () => {
  let site: SampleSite;

  beforeEach(async () => {
    site = await SampleSite.create(['anne', 'zoe']);
  });

  afterEach(() => site.remove());

  async function run(typed: string, ...args: string[]): Promise<{ code: number; out: string; err: string }> {
    const io = new Capture();
    const stdin = Readable.from(typed === '' ? [] : [Buffer.from(typed)]);
    const streams = { stdin, stdout: io.stdout, stderr: io.stderr };
    const code = await runCtlBackups(['-C', site.config, ...args], streams);
    return { code, out: io.out, err: io.err };
  }

  for (const typed of ['', 'yes\n', 'zoe\n']) {
    it(`delete keeps the backup where ${JSON.stringify(typed)} is the answer`, async () => {
      const { code, err } = await run(typed, 'delete', 'anne');
      expect(code).to.equal(75);
      expect(err).to.match(/^anne: 2\.8 KiB, last written .*\nType anne again .*: anne: not deleted\n$/);
      expect(existsSync(site.pathOf('anne'))).to.equal(true);
    });
  }

  it('delete removes it where its name is the answer, or with -F', async () => {
    expect((await run('anne\n', 'delete', 'anne')).out).to.equal('delete anne: ok\n');
    expect((await run('', '-F', 'delete', 'zoe')).out).to.equal('delete zoe: ok\n');
    expect((await run('', 'list')).out).to.equal('');
    expect(existsSync(site.pathOf('anne')) || existsSync(`${site.pathOf('zoe')}.index`)).to.equal(false);
    expect((await run('', '-F', 'delete', 'zoe')).code).to.equal(67);
  });

  it('delete takes a data file by its path, and its entry along', async () => {
    expect((await run('', '-F', 'delete', '-f', site.pathOf('anne'))).out).to.equal('delete anne: ok\n');
    expect((await run('', 'list')).out).not.to.include('anne');
    expect((await run('', '-F', 'delete', '-f', '/etc/passwd')).code).to.equal(64);
  });

  it('delete removes an entry whose file is gone', async () => {
    rmSync(site.pathOf('anne'));
    expect((await run('', '-F', 'delete', 'anne')).code).to.equal(0);
    expect((await run('', 'list', 'anne')).err).to.equal('anne: not found in backups.db\n');
  });

  it('rename changes whose the backup is, and nothing else', async () => {
    expect((await run('', 'rename', 'anne', 'bella')).out).to.equal('rename anne: ok\n');
    expect((await run('', 'list', 'bella')).out).to.include(`\tbella\t${site.pathOf('anne')}\n`);
    expect((await run('', 'rename', 'bella', 'zoe')).out).to.match(
      /^rename bella: failed \(zoe has a backup already\)\n$/,
    );
    expect((await run('', 'rename', 'bella', '../x')).code).to.equal(64);
    expect((await run('', 'rename', 'nobody', 'x')).code).to.equal(67);
  });

  it('move wants a partition that there is', async () => {
    const { code, err } = await run('', 'move', 'anne', 'three');
    expect(code).to.equal(78);
    expect(err).to.match(/there is no backuppartition-three\n$/);
  });

  it('move to where it is already does nothing', async () => {
    expect((await run('', 'move', 'anne', 'one')).out).to.equal('move anne: ok\n');
    expect(existsSync(site.pathOf('anne'))).to.equal(true);
  });
});
