import { expect } from 'chai';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Catalog, type CatalogOptions } from '../../src/catalog/catalog.ts';
import { RetentionRules } from '../../src/config/retentionRules.ts';
import { WatchedDisk } from '../support/watchedDisk.ts';
import { makeScratch, removeScratch } from './scratch.ts';

describe('a sync that fails', () => {
  let scratch: string;
  let options: CatalogOptions;
  let disk: WatchedDisk;

  beforeEach(() => {
    scratch = makeScratch();
    const databasePath = join(scratch, 'conf/backups.db');
    const rules = (): RetentionRules => new RetentionRules(databasePath);
    options = {
      databasePath,
      fullDirHash: false,
      partitions: new Map([['default', join(scratch, 'part')]]),
      mode: 'freespace-most',
      exclude: [],
      softUsageLimitPercent: 0,
      usageReinit: 0,
      beforeRename: (from, to) => rules().carry(from, to, 0),
      afterRename: (from) => rules().forget(from),
    };
    Catalog.open(options).close();
    disk = WatchedDisk.watch();
  });

  afterEach(() => {
    disk.end();
    removeScratch(scratch);
  });

  /** Runs the work with the n-th sync failing, and those after it where the disk is gone for good. */
  function failing(number: number, isGone: boolean, work: () => void): boolean {
    const first = disk.syncs + number;
    disk.failsSync = (at) => at === first || (isGone && at > first);
    try {
      work();
      return true;
    } catch {
      return false;
    } finally {
      disk.failsSync = () => false;
    }
  }

  for (const isGone of [false, true]) {
    const which = isGone ? 'as does every later one' : 'once';

    it(`${which}, while a user is created leaves no entry without its file, and the user is backed up later`, () => {
      let failures = 0;
      for (let number = 1; ; number += 1) {
        const userid = `anne${number}`;
        let answered = '';
        const catalog = Catalog.open(options);
        const isDone = failing(number, isGone, () => {
          answered = catalog.create(userid);
        });
        catalog.close();
        if (!isDone) failures += 1;
        const later = Catalog.open(options);
        const entered = later.find(userid);
        if (isDone) expect(entered).to.equal(answered);
        if (entered !== null) expect(existsSync(entered), `sync ${number}`).to.equal(true);
        expect(existsSync(later.create(userid)), `sync ${number}`).to.equal(true);
        expect(later.checkConsistency()).to.deep.equal([]);
        later.close();
        if (isDone && number > 3) break;
      }
      expect(failures).to.be.greaterThan(3);
      if (isGone) return;
      // An orphan is left only where nobody could tell whether backups.db names it.
      const catalog = Catalog.open(options);
      const named = new Set([...catalog.list()].map(({ path }) => path));
      catalog.close();
      const files = readdirSync(join(scratch, 'part/a')).map((name) => join(scratch, 'part/a', name));
      expect(files.filter((path) => !named.has(path))).to.deep.equal([]);
    });

    it(`${which}, while a user is renamed: what is reported as failed is not done, and holds stay`, () => {
      let failures = 0;
      for (let number = 1; ; number += 1) {
        const [from, to] = [`old${number}`, `new${number}`];
        const catalog = Catalog.open(options);
        const path = catalog.create(from);
        new RetentionRules(options.databasePath).setHold(from, 'court order');
        const isDone = failing(number, isGone, () => catalog.rename(from, to));
        catalog.close();
        if (!isDone) failures += 1;
        const later = Catalog.open(options);
        const [holder, other] = isDone ? [to, from] : [from, to];
        expect([later.find(holder), later.find(other)], `sync ${number}`).to.deep.equal([path, null]);
        later.close();
        expect(new RetentionRules(options.databasePath).holdOf(holder)).to.equal('court order');
        if (isDone && number > 6) break;
      }
      expect(failures).to.be.greaterThan(3);
    });
  }
});
