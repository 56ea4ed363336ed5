import { expect } from 'chai';
import { runCtlBackups } from '../../../src/cli/ctl_backups/main.ts';
import { Capture, SampleSite } from '../../backup/sampleBackup.ts';

describe('ctl_backups and the status store', () => {
  let site: SampleSite;

  before(async () => {
    site = await SampleSite.create(['anne']);
  });

  after(() => site.remove());

  async function run(...args: string[]): Promise<string> {
    const io = new Capture();
    await runCtlBackups(['-C', site.config, ...args], io);
    expect(io.err).to.equal('');
    return io.out;
  }

  it('verify and compact record their outcome, list -j and stat -j show it', async () => {
    expect(await run('-j', 'list', 'anne')).to.not.contain('"status"');
    await run('verify', 'anne');
    await run('compact', 'anne');
    for (const command of ['list', 'stat']) {
      const { status } = JSON.parse(await run('-j', command, 'anne')) as {
        status: Record<string, { last_success: string }>;
      };
      expect(Object.keys(status)).to.deep.equal(['verify', 'compact']);
      expect(Date.parse(status['verify']?.last_success ?? '')).to.be.within(Date.now() - 60_000, Date.now());
    }
    const lines = (await run('--human', 'list', 'anne')).split('\n');
    expect(lines[0]).to.contain('last sync');
    expect(lines[1]).to.contain('unknown');
  });

  it('plain output stays that of the originals', async () => {
    expect((await run('list', 'anne')).split('\t')).to.have.length(4);
  });
});
