import { expect } from 'chai';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IndexFile } from '../../../src/index/store/indexFile.ts';

describe('an index file', () => {
  let folder: string;
  let path: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'index-'));
    path = join(folder, 'a.index');
    const index = IndexFile.create(path);
    index.run('INSERT INTO moment (time) VALUES (1)');
    index.finish();
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  const times = (index: IndexFile | null): number[] | undefined =>
    index?.all<{ time: number }>('SELECT time FROM moment').map(({ time }) => time);

  function look(how: 'peek' | 'open'): number[] | undefined {
    const index = how === 'peek' ? IndexFile.peek(path) : IndexFile.open(path, 'read');
    try {
      return times(index);
    } finally {
      index?.close();
    }
  }

  it('is one file when it is made, which readers and a writer share from then on', () => {
    expect(readdirSync(folder)).to.deep.equal(['a.index']);
    expect(statSync(path).mode % 0o1000).to.equal(0o600);
    const writer = IndexFile.open(path, 'write');
    const reader = IndexFile.open(path, 'read');
    writer?.begin();
    writer?.run('INSERT INTO moment (time) VALUES (2)');
    expect(times(reader)).to.deep.equal([1]);
    writer?.commit();
    expect(times(reader)).to.deep.equal([1, 2]);
    reader?.close();
    writer?.close();
  });

  it('is looked at without leaving a trace', () => {
    expect(look('peek')).to.deep.equal([1]);
    expect(readdirSync(folder)).to.deep.equal(['a.index']);
  });

  it('is looked at as it is while a writer has it open', () => {
    const writer = IndexFile.open(path, 'write');
    writer?.run('INSERT INTO moment (time) VALUES (2)');
    expect(statSync(`${path}-wal`).size).to.be.above(0);
    expect(look('peek')).to.deep.equal([1, 2]);
    writer?.close();
    expect(look('peek')).to.deep.equal([1, 2]);
  });

  it('is none where it is missing, garbage or of another program', () => {
    for (const content of [null, 'garbage', 'garbage '.repeat(2000)]) {
      rmSync(path);
      if (content !== null) writeFileSync(path, content);
      expect(IndexFile.peek(path)).to.equal(null);
      if (content === null) writeFileSync(path, '');
    }
  });

  it('is copied with all that is committed, and the copy is one by itself', () => {
    const copyPath = join(folder, 'b.index');
    const writer = IndexFile.open(path, 'write');
    writer?.run('INSERT INTO moment (time) VALUES (2)');
    writer?.copyTo(copyPath);
    writer?.run('INSERT INTO moment (time) VALUES (3)');
    writer?.close();
    expect(existsSync(`${copyPath}-wal`)).to.equal(false);
    const copy = IndexFile.open(copyPath, 'write');
    expect(times(copy)).to.deep.equal([1, 2]);
    expect(statSync(`${copyPath}-wal`).isFile()).to.equal(true);
    copy?.close();
  });
});
