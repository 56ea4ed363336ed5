import { expect } from 'chai';
import { existsSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Catalog } from '../../src/catalog/catalog.ts';
import { makeScratch, removeScratch } from './scratch.ts';

describe('a data file that is missing', () => {
  let scratch: string;
  let catalog: Catalog;
  let partition: string;
  let path: string;

  beforeEach(() => {
    scratch = makeScratch();
    partition = join(scratch, 'part');
    catalog = Catalog.open({
      databasePath: join(scratch, 'conf/backups.db'),
      fullDirHash: false,
      partitions: new Map([['default', partition]]),
      mode: 'random',
      exclude: [],
      softUsageLimitPercent: 0,
      usageReinit: 0,
    });
    path = catalog.create('anne');
  });

  afterEach(() => {
    catalog.close();
    removeScratch(scratch);
  });

  const begin = (): string => {
    try {
      catalog.beginAgain('anne', path);
      return 'begun';
    } catch (error) {
      expect(error).to.have.property('kind', 'io');
      return (error as Error).message;
    }
  };

  it('and was empty is begun again where it was', () => {
    rmSync(path);
    expect(begin()).to.equal('begun');
    expect(statSync(path)).to.include({ size: 0 });
    expect(statSync(path).mode & 0o777).to.equal(0o600);
    expect(catalog.find('anne')).to.equal(path);
  });

  it('is not, where its partition is not mounted', () => {
    renameSync(partition, `${partition}.away`);
    mkdirSync(partition);
    expect(begin()).to.match(/not mounted.*mount its partition, or put the file back.*-F reconstruct/);
    expect(existsSync(dirname(path))).to.equal(false);
  });

  it('is not, where another user was begun on the disk below a partition that is not mounted', () => {
    for (const userid of ['abel', 'ada', 'amy']) catalog.create(userid);
    renameSync(partition, `${partition}.away`);
    catalog.create('alex');
    expect(begin()).to.match(/most other backups of its partition are not there/);
  });

  it('is not, where mail of the user was backed up, or other files of the backup are left', () => {
    rmSync(path);
    writeFileSync(`${path}.index`, '');
    expect(begin()).to.match(/other files of the backup are there/);
    rmSync(`${path}.index`);
    catalog.inboxes.put('u-anne', 'anne');
    expect(begin()).to.match(/mail of the user has been backed up/);
    expect(existsSync(path)).to.equal(false);
  });
});
