import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IndexFile } from '../../../src/index/store/indexFile.ts';
import { StatsCache } from '../../../src/index/store/statsCache.ts';
import { SqliteDatabase } from '../../../src/index/store/sqlite.ts';

let folder: string;
let path: string;
let other: string;

function make(at: string): void {
  const index = IndexFile.create(at);
  index.run('INSERT INTO moment (time) VALUES (1)');
  index.finish();
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'open-database-'));
  path = join(folder, 'a.index');
  other = join(folder, 'other.index');
  make(path);
  make(other);
});

afterEach(() => rmSync(folder, { recursive: true }));

/** What `open` reports of the index, by each way to open it. */
function faults(): string[] {
  const found: string[] = [];
  for (const mode of ['read', 'write'] as const) {
    const index = IndexFile.open(path, mode, ({ message }) => found.push(message));
    expect(index, mode).to.equal(null);
  }
  return found;
}

describe('an index that is no regular file', () => {
  const kinds: readonly [what: string, make: (at: string) => void][] = [
    ['a FIFO', (at) => execFileSync('mkfifo', [at])],
    ['a link to another index', (at) => symlinkSync(other, at)],
    ['a link to nothing', (at) => symlinkSync(join(folder, 'nothing'), at)],
    ['an empty folder', (at) => mkdirSync(at)],
    [
      'a folder with something in it',
      (at) => {
        mkdirSync(at);
        writeFileSync(join(at, 'kept'), 'of somebody');
      },
    ],
  ];

  for (const [what, makeIt] of kinds) {
    for (const suffix of ['', '-wal', '-shm', '-journal']) {
      const name = suffix === '' ? what : `${what}, its ${suffix}`;
      it(`but ${name} is neither opened nor followed, and another takes its place`, () => {
        const before = readFileSync(other);
        rmSync(path + suffix, { force: true });
        makeIt(path + suffix);
        expect(faults().join('\n')).to.match(/not a regular file|symbolic link|folder/);
        IndexFile.peek(path)?.close();
        make(path);
        const index = IndexFile.open(path, 'read');
        expect(index?.all('SELECT time FROM moment')).to.deep.equal([{ time: 1 }]);
        index?.close();
        expect(readFileSync(other).equals(before)).to.equal(true);
        if (what.includes('something')) {
          const aside = readdirSync(folder).find((entry) => entry.includes('.found.')) ?? '';
          expect(existsSync(join(folder, aside, 'kept'))).to.equal(true);
        }
      });
    }
  }
});

describe('an index that another program has changed', () => {
  const changes: readonly [what: string, sql: string][] = [
    ['a trigger', 'CREATE TRIGGER lie AFTER INSERT ON record BEGIN DELETE FROM record; END'],
    ['a view', 'CREATE VIEW lie AS SELECT 1'],
    ['another table', 'CREATE TABLE lie (a)'],
    ['an index more', 'CREATE INDEX lie ON record (size)'],
    ['an index less', 'DROP INDEX record_since'],
    ['a column more', 'ALTER TABLE record ADD COLUMN lie'],
    ['a view in place of a table', 'DROP TABLE moment; CREATE VIEW moment AS SELECT 7 AS time'],
    ['statistics', 'ANALYZE'],
  ];

  for (const [what, sql] of changes) {
    it(`so that it has ${what} is not believed`, () => {
      const db = new SqliteDatabase(path);
      db.exec(sql);
      db.close();
      expect(IndexFile.peek(path)).to.equal(null);
      expect(faults()).to.have.length(2);
      expect(faults()[0]).to.include('a.index: the index is damaged: its tables, triggers or views are not');
    });
  }

  it('so that its header names more pages than it has shows nothing of another that was read before', () => {
    IndexFile.peek(other)?.close();
    const bytes = readFileSync(path);
    bytes.writeUInt32BE(bytes.readUInt32BE(28) + 5, 28);
    writeFileSync(path, bytes);
    const index = IndexFile.peek(path);
    try {
      expect(index?.all('SELECT time FROM moment') ?? [{ time: 1 }]).to.deep.equal([{ time: 1 }]);
    } finally {
      index?.close();
    }
  });
});

describe('a figures.db that is not what it should be', () => {
  const figures = { lastStart: 1, lastEnd: 2, uncompressedBytes: 3, missingCount: 0, needed: null };
  let backupsDb: string;
  let database: string;

  beforeEach(() => {
    backupsDb = join(folder, 'backups.db');
    database = join(folder, 'figures.db');
    writeFileSync(backupsDb, '');
    use();
  });

  function use(): unknown {
    const file = StatsCache.open(backupsDb);
    file?.put('/a', 'one', figures);
    file?.close();
    const again = StatsCache.open(backupsDb);
    const found = again?.find('/a', 'one') ?? null;
    again?.close();
    return found;
  }

  const changes: readonly [what: string, change: () => void][] = [
    ['a FIFO', () => execFileSync('mkfifo', [database])],
    ['a link', () => symlinkSync(other, database)],
    ['a folder', () => mkdirSync(database)],
    [
      'a database with a trigger',
      () => change('CREATE TRIGGER lie AFTER INSERT ON figures BEGIN DELETE FROM figures; END'),
    ],
    ['a database of another schema', () => change('DROP TABLE figures; CREATE TABLE figures (path)')],
    ['a database of another version', () => change('PRAGMA user_version = 1')],
    ['an index', () => renameSync(other, database)],
  ];

  function change(sql: string): void {
    make(other);
    use();
    const db = new SqliteDatabase(database);
    db.exec(sql);
    db.close();
  }

  for (const [what, makeIt] of changes) {
    it(`but ${what} is made anew, and nothing is followed`, () => {
      const before = readFileSync(other);
      rmSync(database);
      makeIt();
      expect(use()).to.deep.equal(figures);
      if (existsSync(other)) expect(readFileSync(other).equals(before)).to.equal(true);
    });
  }

  it('whose numbers have become others is not believed', () => {
    const db = new SqliteDatabase(database);
    db.exec('UPDATE figures SET uncompressed = 4');
    db.close();
    const file = StatsCache.open(backupsDb);
    expect(file?.find('/a', 'one')).to.equal(null);
    file?.close();
  });

  it('with a damaged page is made anew by the next but one', () => {
    const bytes = readFileSync(database);
    bytes.fill(0x5a, 4096, 8192);
    writeFileSync(database, bytes);
    use();
    expect(use()).to.deep.equal(figures);
  });
});
