import { expect } from 'chai';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { BackupError } from '../../src/errors.ts';
import { sharedUserid } from '../../src/mailbox/names.ts';
import { Catalog, type CatalogOptions } from '../../src/catalog/catalog.ts';
import { makeScratch, removeScratch } from './scratch.ts';

describe('the catalogue', () => {
  let scratch: string;
  let options: CatalogOptions;
  beforeEach(() => {
    scratch = makeScratch();
    options = {
      databasePath: join(scratch, 'conf/backups.db'),
      fullDirHash: false,
      partitions: new Map([['default', join(scratch, 'part')]]),
      mode: 'freespace-most',
      exclude: [],
      softUsageLimitPercent: 0,
      usageReinit: 0,
    };
  });
  afterEach(() => removeScratch(scratch));

  it('makes a user’s data file once, whoever asks', () => {
    const catalog = Catalog.open(options);
    const other = Catalog.open(options);
    expect(catalog.find('anne')).to.equal(null);
    const path = catalog.create('anne');
    expect(path.startsWith(join(scratch, 'part/a/anne_'))).to.equal(true);
    expect(other.create('anne')).to.equal(path);
    expect(other.find('anne')).to.equal(path);
    expect(readdirSync(join(scratch, 'part/a'))).to.have.length(1);
    catalog.close();
    other.close();
  });

  it('lists in the order of bytes, with the shared mailboxes’ backup and 8-bit names', () => {
    const catalog = Catalog.open(options);
    const accented = Buffer.from('zoé@example.com').toString('latin1');
    for (const userid of [accented, 'anne', sharedUserid, 'zoe']) catalog.create(userid);
    expect([...catalog.list()].map(({ userid }) => userid)).to.deep.equal([
      sharedUserid,
      'anne',
      'zoe',
      accented,
    ]);
    expect([...catalog.list('zo')].map(({ userid }) => userid)).to.deep.equal(['zoe', accented]);
    expect(existsSync(catalog.find(accented) as string)).to.equal(true);
    expect(catalog.find(accented)).to.include('/q/zoé@'.replace('/q/', '/z/'));
    catalog.close();
  });

  it('lets no userid out of its partition', () => {
    const catalog = Catalog.open(options);
    for (const userid of ['../x', 'a/b', '..', '.', '', 'a\0b', 'x'.repeat(5000)]) {
      expect(() => catalog.create(userid), userid)
        .to.throw(BackupError)
        .with.property('kind', 'no-user');
    }
    expect(() => catalog.create('\xff'))
      .to.throw(BackupError)
      .with.property('kind', 'no-user');
    expect(existsSync(join(scratch, 'part'))).to.equal(false);
    catalog.close();
  });

  it('enters, moves and forgets users', () => {
    const catalog = Catalog.open(options);
    const path = join(scratch, 'part/a/anne_123456');
    catalog.set('anne', path);
    expect(catalog.find('anne')).to.equal(path);
    expect(() => catalog.set('anne', 'relative')).to.throw(BackupError);
    expect(catalog.remove('anne')).to.equal(true);
    expect(catalog.remove('anne')).to.equal(false);
    expect(catalog.checkConsistency()).to.deep.equal([]);
    catalog.close();
  });

  it('leaves no data file behind when it has no partition or no database', () => {
    const catalog = Catalog.open({ ...options, partitions: new Map() });
    expect(() => catalog.create('anne')).to.throw(BackupError, 'no usable backup partition');
    expect(catalog.find('anne')).to.equal(null);
    catalog.close();
    const missing = { ...options, databasePath: join(scratch, 'none.db'), readOnly: true };
    expect(() => Catalog.open(missing))
      .to.throw(BackupError)
      .with.property('kind', 'not-found');
  });
});
