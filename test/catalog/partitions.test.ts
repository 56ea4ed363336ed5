import { expect } from 'chai';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { BackupError } from '../../src/errors.ts';
import {
  PartitionSelector,
  createDataFile,
  hashLetter,
  usageOf,
  type PartitionOptions,
  type PartitionSelectMode,
  type Usage,
} from '../../src/catalog/partitions.ts';
import { makeScratch, removeScratch } from './scratch.ts';

/** free and total by directory; absent: cannot be looked at. */
type Disks = Record<string, [free: number, total: number, id?: number]>;

function selector(
  disks: Disks,
  mode: PartitionSelectMode,
  more: Partial<PartitionOptions> = {},
  dice = 0.999,
) {
  const directories = Object.keys(disks);
  let looks = 0;
  const usage = (directory: string): Usage | null => {
    looks++;
    const disk = disks[directory];
    if (disk === undefined) return null;
    const [availableBytes, totalBytes, fileSystemId = directories.indexOf(directory)] = disk;
    return { availableBytes, totalBytes, fileSystemId };
  };
  const partitions =
    more.partitions ?? new Map(directories.map((directory) => [directory.slice(1), directory]));
  const options = { mode, exclude: [], softUsageLimitPercent: 0, usageReinit: 0, ...more, partitions };
  const chosen = new PartitionSelector(options, { usage, random: () => dice });
  return { select: () => chosen.select(), looks: () => looks };
}

describe('backup partitions', () => {
  const disks: Disks = { '/small': [90, 100], '/large': [500, 1000], '/full': [10, 1000] };

  it('are chosen by free space, in bytes or in percent', () => {
    expect(selector(disks, 'freespace-most').select()).to.equal('/large');
    expect(selector(disks, 'freespace-percent-most').select()).to.equal('/small');
  });

  it('are diced for, evenly or by weight', () => {
    expect(selector(disks, 'random', {}, 0).select()).to.equal('/small');
    expect(selector(disks, 'random', {}, 0.99).select()).to.equal('/full');
    // Shares of 141: small 90, large 50, full 1.
    expect(selector(disks, 'freespace-percent-weighted', {}, 0.63).select()).to.equal('/small');
    expect(selector(disks, 'freespace-percent-weighted', {}, 0.65).select()).to.equal('/large');
    expect(selector(disks, 'freespace-percent-weighted', {}, 0.995).select()).to.equal('/full');
    // Shares of 139.5: small 89.5, large 49.5, full 0.5.
    expect(selector(disks, 'freespace-percent-weighted-delta', {}, 0.65).select()).to.equal('/large');
    expect(selector(disks, 'freespace-percent-weighted-delta', {}, 0.998).select()).to.equal('/full');
  });

  it('over the soft limit are left out, unless all are', () => {
    const limit = { softUsageLimitPercent: 40 };
    expect(selector(disks, 'freespace-most', limit).select()).to.equal('/small');
    expect(selector(disks, 'freespace-most', { softUsageLimitPercent: 5 }).select()).to.equal('/large');
  });

  it('that are excluded or cannot be looked at are never chosen', () => {
    expect(selector(disks, 'freespace-most', { exclude: ['large'] }).select()).to.equal('/small');
    const partitions = new Map([['gone', '/gone'], ['full', '/full']]); // prettier-ignore
    expect(selector(disks, 'freespace-most', { partitions }).select()).to.equal('/full');
    const none = selector(disks, 'freespace-most', { partitions: new Map([['gone', '/gone']]) });
    expect(() => none.select()).to.throw(BackupError, 'gone');
  });

  it('are measured again after so many selections', () => {
    const changing: Disks = { '/a': [10, 100], '/b': [20, 100] };
    const { select, looks } = selector(changing, 'freespace-most', { usageReinit: 2 });
    expect([select(), looks()]).to.deep.equal(['/b', 2]);
    changing['/a'] = [50, 100];
    expect(select()).to.equal('/b');
    expect(select()).to.equal('/a');
    expect(looks()).to.equal(4);
  });

  it('on one disk count as the first of them', () => {
    const twins: Disks = { '/a': [10, 100, 7], '/b': [10, 100, 7], '/c': [5, 100, 8] };
    expect(selector(twins, 'freespace-percent-most').select()).to.equal('/a');
  });
});

describe('data file names', () => {
  let scratch: string;
  beforeEach(() => (scratch = makeScratch()));
  afterEach(() => removeScratch(scratch));

  it('are hashed by the first letter, or by all up to the first dot', () => {
    expect(['anne', 'Zoe', '%SHARED', '0x', '\xe9', ''].map((name) => hashLetter(name, false))).to.deep.equal([
      'a', 'z', 'q', 'q', 'q', 'q',
    ]); // prettier-ignore
    expect(hashLetter('', true)).to.equal('A');
    // 'a' is 97 = 4 * 23 + 5; 'ab' is ((97 << 3) ^ (97 >> 5)) ^ 98 = 873 = 37 * 23 + 22.
    expect(hashLetter('a', true)).to.equal('F');
    expect(hashLetter('ab.c@d', true)).to.equal('W');
  });

  it('end in six random characters, in private files and directories', () => {
    const path = createDataFile(join(scratch, 'part'), 'a', 'anne');
    expect(path).to.match(/\/part\/a\/anne_[A-Za-z0-9]{6}$/);
    expect(statSync(path).mode & 0o777).to.equal(0o600);
    expect(statSync(join(scratch, 'part/a')).mode & 0o777).to.equal(0o700);
    expect(statSync(path).size).to.equal(0);
    expect(createDataFile(join(scratch, 'part'), 'a', 'anne')).to.not.equal(path);
    expect(readdirSync(join(scratch, 'part/a'))).to.have.length(2);
  });

  it('go to a directory that is made where it is missing', () => {
    const usage = usageOf(join(scratch, 'new'));
    expect(usage?.totalBytes).to.be.above(0);
    expect(usage?.availableBytes).to.be.at.most(usage?.totalBytes ?? 0);
    expect(usageOf('/dev/null/x')).to.equal(null);
  });
});
