import { expect } from 'chai';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { REMOVE_STEPS, removeBackup, strayFiles } from '../../../src/backup/admin/remove.ts';
import { Catalog } from '../../../src/catalog/catalog.ts';
import { writableCatalog } from '../../../src/catalog/catalogOptions.ts';
import { loadConfig } from '../../../src/config/imapdConf.ts';
import { runCtl } from '../../support/killedTool.ts';
import { SampleSite } from '../sampleBackup.ts';

describe('remove', () => {
  let site: SampleSite;
  let catalog: Catalog;

  beforeEach(async () => {
    site = await SampleSite.create(['anne', 'annette']);
    catalog = Catalog.open(writableCatalog(loadConfig(site.config)));
  });

  afterEach(() => {
    catalog.close();
    site.remove();
  });

  it('takes the files of that backup and no other', async () => {
    const path = site.pathOf('anne');
    for (const suffix of ['.torn', '.1700000000', '.index.1700000000', '.index.new'])
      writeFileSync(path + suffix, '');
    await removeBackup(catalog, 'anne', path, {});
    expect(readdirSync(dirname(path)).every((name) => name.startsWith('annette_'))).to.equal(true);
    expect(catalog.find('anne')).to.equal(null);
    expect(catalog.find('annette')).to.equal(site.pathOf('annette'));
  });

  it('refuses what is not named as a data file', async () => {
    const index = `${site.pathOf('anne')}.index`;
    await removeBackup(catalog, null, index, {}).then(
      () => expect.fail('it was removed'),
      (error: unknown) => expect(error).to.have.property('kind', 'bad-parameters'),
    );
    expect(existsSync(index)).to.equal(true);
  });

  it('takes no file that backups.db names for one that nobody does', () => {
    catalog.rename('anne', 'bella');
    expect(strayFiles(catalog, 'anne', [`${site.folder}/data`])).to.deep.equal([]);
    catalog.remove('bella');
    expect(strayFiles(catalog, 'anne', [`${site.folder}/data`])).to.deep.equal([site.pathOf('anne')]);
  });

  for (const step of REMOVE_STEPS) {
    it(`killed when it is ${step}, is finished by the next`, function () {
      this.timeout(10_000);
      const args = ['-C', site.config, '-F', 'delete', 'anne'];
      expect(runCtl(args, `delete:${step}`).signal).to.equal('SIGKILL');
      expect(catalog.find('anne')).to.equal(null);
      runCtl(args, null);
      expect(readdirSync(dirname(site.pathOf('anne'))).every((name) => name.startsWith('annette_'))).to.equal(
        true,
      );
    });
  }
});
