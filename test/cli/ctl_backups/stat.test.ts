import { expect } from 'chai';
import { rmSync, statSync } from 'node:fs';
import { runCtlBackups } from '../../../src/cli/ctl_backups/main.ts';
import { LockedFile } from '../../../src/fs/lockedFile.ts';
import { Capture, MESSAGES, SampleSite } from '../../backup/sampleBackup.ts';

describe('ctl_backups stat', () => {
  let site: SampleSite;
  const zone = process.env['TZ'];

  before(async () => {
    process.env['TZ'] = 'UTC';
    site = await SampleSite.create(['anne']);
  });

  after(() => {
    if (zone === undefined) delete process.env['TZ'];
    else process.env['TZ'] = zone;
    site.remove();
  });

  async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
    const io = new Capture();
    const code = await runCtlBackups(['-C', site.config, ...args], io);
    return { code, out: io.out, err: io.err };
  }

  const needed = MESSAGES.reduce((sum, { length }) => sum + length, 0);

  it('prints sizes, ratios and the times of the last chunk, a tab between', async () => {
    const [name, compressed, uncompressed, compactable, ...others] = (await run('stat', 'anne')).out.split(
      '\t',
    );
    expect([name, compressed, compactable]).to.deep.equal([
      'anne',
      String(statSync(site.pathOf('anne')).size),
      String(needed),
    ]);
    expect(Number(uncompressed)).to.be.above(needed);
    expect(others).to.deep.equal(['   0.5%', '  99.8%', '  2026-11-22 21:29:25', '2026-11-22 21:29:26\n']);
  });

  it('prints reals with all their digits in JSON', async () => {
    const { out } = await run('-j', 'stat', 'anne');
    expect(Object.keys(JSON.parse(out) as object)).to.deep.equal([
      'userid',
      'fname',
      'compressed',
      'uncompressed',
      'compactable',
      'compression_ratio',
      'utilisation_ratio',
      'last_start_time',
      'last_end_time',
    ]);
    expect(out).to.match(/"utilisation_ratio": 99\.[0-9]{15}/);
  });

  it('prints units and columns for people', async () => {
    expect((await run('--human', 'stat', 'anne')).out).to.match(
      /^backup +compressed .*\nanne +2\.8 KiB +587\.0 KiB .*\n$/,
    );
    expect((await run('--human', 'list', 'anne')).out).to.match(
      /^last written +size .*\n2026-11-22 21:29:26 +2\.8 KiB +anne /,
    );
  });

  it('needs no lock and no index', async () => {
    const before = (await run('stat', 'anne')).out;
    const file = await LockedFile.acquire(site.pathOf('anne'));
    rmSync(`${site.pathOf('anne')}.index`);
    expect(await run('stat', 'anne')).to.deep.equal({ code: 0, out: before, err: '' });
    file.release();
  });

  it('fails for a backup that is not there, and goes on', async () => {
    const { code, out, err } = await run('stat', 'nobody', 'anne');
    expect(code).to.equal(67);
    expect(out).to.match(/^anne\t/);
    expect(err).to.equal('nobody: not found in backups.db\n');
  });
});
