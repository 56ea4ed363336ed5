import { expect } from 'chai';
import { existsSync } from 'node:fs';
import { REINDEX_STEPS } from '../../../src/backup/openIndex.ts';
import { BackupReader } from '../../../src/backup/reader.ts';
import { messageByGuid } from '../../../src/index/queries/messages.ts';
import { MESSAGES, SampleSite, guidOf } from '../../backup/sampleBackup.ts';
import { runCtl } from '../../support/killedTool.ts';

describe('ctl_backups reindex', () => {
  let site: SampleSite;

  beforeEach(async () => {
    site = await SampleSite.create(['anne']);
  });

  afterEach(() => site.remove());

  for (const step of REINDEX_STEPS) {
    it(`killed when the index is ${step}, leaves a backup that can be read, and the next finishes`, function () {
      this.timeout(10_000);
      const args = ['-C', site.config, 'reindex', 'anne'];
      expect(runCtl(args, `reindex:${step}`).signal).to.equal('SIGKILL');
      const reader = new BackupReader(site.pathOf('anne'));
      const message = messageByGuid(reader.index, guidOf(MESSAGES[0]));
      expect(message && reader.read(message, 0, message.size).equals(MESSAGES[0])).to.equal(true);
      reader.close();
      expect(runCtl(args, null).out).to.equal('reindex anne: ok\n');
      expect(existsSync(`${site.pathOf('anne')}.index.new`)).to.equal(false);
      expect(runCtl(['-C', site.config, 'verify', 'anne'], null).out).to.equal('verify anne: ok\n');
    });
  }
});
