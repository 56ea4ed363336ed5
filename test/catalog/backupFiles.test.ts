import { expect } from 'chai';
import { backupFileOf } from '../../src/catalog/backupFiles.ts';
import type { FileRole } from '../../src/catalog/backupFiles.ts';

describe('names of backup files', () => {
  const data = '/p/a/anne_AbC123';
  const cases: [suffix: string, role: FileRole][] = [
    ['', 'data'],
    ['.index', 'index'],
    ['.index-wal', 'index'],
    ['.index-shm', 'index'],
    ['.index-journal', 'index'],
    ['.new', 'unfinished'],
    ['.index.new', 'unfinished'],
    ['.index.new-wal', 'unfinished'],
    ['.new.index', 'unfinished'],
    ['.torn', 'torn'],
    ['.1700000000', 'previous'],
    ['.index.1700000000', 'previous-index'],
  ];
  for (const [suffix, role] of cases) {
    it(`${suffix === '' ? 'no suffix' : suffix} is ${role}`, () => {
      expect(backupFileOf(data + suffix)).to.deep.equal({
        path: data + suffix,
        role,
        dataPath: data,
        userid: 'anne',
      });
    });
  }

  it('takes a userid that looks like more for what it is', () => {
    expect(backupFileOf('/p/q/%SHARED_abcdef')).to.have.property('userid', '%SHARED');
    expect(backupFileOf('/p/x/x.new_abcdef_ABCDEF')).to.include({ userid: 'x.new_abcdef', role: 'data' });
    expect(backupFileOf('/p/k/k\u00fcste_ABCDEF')).to.have.property('userid', 'k\u00c3\u00bcste');
  });

  for (const name of [
    'anne',
    'anne_short',
    'anne_toolong1',
    'anne_ABCDEF.txt',
    '_ABCDEF',
    '.hidden_ABCDEF',
    'anne_AbC12-',
  ]) {
    it(`knows nothing of ${name}`, () => {
      expect(backupFileOf(`/p/a/${name}`)).to.equal(null);
    });
  }
});
