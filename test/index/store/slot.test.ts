import { expect } from 'chai';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IndexFile } from '../../../src/index/store/indexFile.ts';
import { removeIndexFiles } from '../../../src/index/store/removeIndexFiles.ts';

describe('small indexes that are looked at one after another', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'slot-'));
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  /** An index with the times from 1 to `count`. */
  function make(name: string, count: number, extra?: string): string {
    const path = join(folder, name);
    const index = IndexFile.create(path);
    if (extra !== undefined) index.exec(extra);
    for (let time = 1; time <= count; time += 1) index.run('INSERT INTO moment (time) VALUES (?)', time);
    index.finish();
    return path;
  }

  function open(path: string): IndexFile {
    const index = IndexFile.peek(path);
    if (index === null) throw new Error(`${path} is not read`);
    expect(index.isCopy).to.equal(true);
    return index;
  }

  const SUMS = 'SELECT count(*) AS count, total(time) AS total FROM moment';

  function countIn(path: string): number {
    const index = open(path);
    try {
      const sums = index.get<{ count: number; total: number }>(SUMS) ?? { count: 0, total: 0 };
      expect(sums.total).to.equal((sums.count * (sums.count + 1)) / 2);
      return sums.count;
    } finally {
      index.close();
    }
  }

  it('are each what they are, larger and smaller ones in turn', () => {
    const counts = [3, 20_000, 0, 1, 9000, 3];
    const paths = counts.map((count, at) => make(`${at}.index`, count));
    expect(statSync(paths[1] as string).size).to.be.above(100_000);
    for (let round = 0; round < 3; round += 1) {
      expect(paths.map(countIn)).to.deep.equal(counts);
    }
  });

  it('may be looked at side by side, each under its snapshot', () => {
    const [few, many] = [open(make('few.index', 2)), open(make('many.index', 30))];
    few.holdSnapshot();
    many.holdSnapshot();
    expect([few, many, few].map((index) => index.get(SUMS)?.['count'])).to.deep.equal([2, 30, 2]);
    few.close();
    const third = open(make('third.index', 400));
    expect([many, third].map((index) => index.get(SUMS)?.['count'])).to.deep.equal([30, 400]);
    many.close();
    third.close();
  });

  const statementOf = (path: string, table: string): string => {
    const index = IndexFile.open(path, 'read');
    const row = index?.get<{ sql: string }>('SELECT sql FROM sqlite_schema WHERE name = ?', table);
    index?.close();
    return row?.sql ?? '';
  };

  it('may have tables in other places, with the same cookie; one with another schema is not read', () => {
    const plain = make('plain.index', 5);
    const item = statementOf(plain, 'item');
    const moved = make('moved.index', 7, `DROP TABLE item; CREATE TABLE a (a); ${item}; DROP TABLE a`);
    const other = make('other.index', 9, 'ALTER TABLE moment ADD COLUMN note TEXT');
    const bytes = readFileSync(plain);
    for (const path of [plain, moved, other, plain, other, moved, plain]) {
      if (path === other) expect(IndexFile.peek(path)).to.equal(null);
      else expect(countIn(path)).to.equal(path === plain ? 5 : 7);
    }
    expect(readFileSync(plain).equals(bytes)).to.equal(true);
  });

  it('do not get into one that was left in the middle of a query', () => {
    const path = make('left.index', 100);
    const left = open(path);
    const times = left.each<{ time: number }>('SELECT time FROM moment ORDER BY time');
    expect(times.next().value?.time).to.equal(1);
    left.close();
    expect(countIn(make('next.index', 3))).to.equal(3);
    const rest = Array.from(times, ({ time }) => time);
    expect([rest[0], rest.at(-1), rest.length]).to.deep.equal([2, 100, 99]);
  });

  it('say nothing any more when they are closed, whatever is in their place', () => {
    const path = make('closed.index', 4);
    const closed = open(path);
    expect(closed.get(SUMS)?.['count']).to.equal(4);
    closed.close();
    closed.close();
    const [one, two] = [open(path), open(make('two.index', 6))];
    expect(() => closed.get(SUMS)).to.throw('is closed');
    expect([one, two].map((index) => index.get(SUMS)?.['count'])).to.deep.equal([4, 6]);
    one.close();
    two.close();
  });

  it('are found changed when they have been replaced', () => {
    const path = make('a.index', 4);
    expect(countIn(path)).to.equal(4);
    const next = make('b.index', 5);
    removeIndexFiles(path);
    copyFileSync(next, path);
    expect(countIn(path)).to.equal(5);
  });
});
