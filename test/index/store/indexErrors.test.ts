import { expect } from 'chai';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ErrorKind } from '../../../src/errors.ts';
import { integrityFaults } from '../../../src/index/store/credible.ts';
import { IndexError, indexError, isDamagedIndex } from '../../../src/index/store/indexErrors.ts';
import { IndexFile } from '../../../src/index/store/indexFile.ts';

const codes: readonly [code: string, kind: ErrorKind][] = [
  ['SQLITE_CORRUPT', 'damaged'],
  ['SQLITE_CORRUPT_VTAB', 'damaged'],
  ['SQLITE_NOTADB', 'damaged'],
  ['SQLITE_SCHEMA', 'damaged'],
  ['SQLITE_ERROR', 'damaged'],
  ['SQLITE_CONSTRAINT_UNIQUE', 'damaged'],
  ['SQLITE_FULL', 'no-space'],
  ['SQLITE_BUSY', 'locked'],
  ['SQLITE_BUSY_SNAPSHOT', 'locked'],
  ['SQLITE_IOERR_READ', 'io'],
  ['SQLITE_IOERR_SHORT_READ', 'io'],
  ['SQLITE_READONLY', 'io'],
  ['SQLITE_READONLY_DBMOVED', 'io'],
  ['SQLITE_CANTOPEN', 'io'],
  ['SQLITE_NOMEM', 'io'],
  ['SQLITE_TOOBIG', 'limit'],
];

describe('an error of SQLite', () => {
  for (const [code, kind] of codes) {
    it(`${code} is ${kind}, and names the index`, () => {
      const error = indexError(Object.assign(new Error('what SQLite says'), { code }), '/store/anne.index');
      expect(error).to.be.instanceOf(IndexError);
      const { kind: found, message, path } = error as IndexError;
      expect(found).to.equal(kind);
      expect(message).to.match(
        /^\/store\/anne\.index: the index .*: what SQLite says \(|^\/store\/anne\.index: no space/,
      );
      expect(path).to.equal('/store/anne.index');
    });
  }

  it('is nothing that another error becomes', () => {
    for (const error of [new TypeError('x'), Object.assign(new Error('x'), { code: 'ENOENT' }), null]) {
      expect(indexError(error, '/a')).to.equal(error);
    }
  });

  describe('that any way to run a statement meets', () => {
    let folder: string;
    let index: IndexFile;

    /** All of the table's pages are damaged, the schema is not. */
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'index-errors-'));
      const path = join(folder, 'a.index');
      const made = IndexFile.create(path);
      for (let time = 1; time <= 5000; time += 1) made.run('INSERT INTO moment (time) VALUES (?)', time);
      const root = made.get<{ rootpage: number }>("SELECT rootpage FROM sqlite_schema WHERE name = 'moment'");
      made.finish();
      const bytes = readFileSync(path);
      bytes.fill(0x5a, 4096 * ((root?.rootpage ?? 0) - 1), 4096 * (root?.rootpage ?? 0));
      writeFileSync(path, bytes);
      index = IndexFile.open(path, 'write') as IndexFile;
    });

    afterEach(() => {
      index.close();
      rmSync(folder, { recursive: true });
    });

    const ways: readonly [name: string, run: (index: IndexFile) => unknown][] = [
      ['run', (index) => index.run('INSERT INTO moment (time) VALUES (9999)')],
      ['get', (index) => index.get('SELECT * FROM moment')],
      ['all', (index) => index.all('SELECT * FROM moment')],
      ['allValues', (index) => index.allValues('SELECT * FROM moment')],
      ['each', (index) => [...index.each('SELECT * FROM moment')]],
      ['exec', (index) => index.exec('DELETE FROM moment WHERE time = 3')],
      ['transaction', (index) => index.transaction(() => index.run('DELETE FROM moment WHERE time = 3'))],
      ['snapshot', (index) => index.snapshot(() => index.get('SELECT * FROM moment'))],
      ['copyTo', (index) => index.copyTo(join(folder, 'b.index'))],
    ];
    for (const [name, run] of ways) {
      it(`${name} throws as one of ours, and the handle is of use to another table`, () => {
        expect(() => run(index))
          .to.throw()
          .that.satisfies(isDamagedIndex);
        expect(index.get('SELECT time FROM horizon')).to.deep.equal({ time: 0 });
      });
    }

    it('a damaged page is found by integrityFaults, which a sound index has none of', () => {
      expect(integrityFaults(index)[0]).to.include('a.index: ');
      const sound = IndexFile.create(':memory:');
      expect(integrityFaults(sound)).to.deep.equal([]);
      sound.close();
    });
  });

  it('a full index is no-space, and takes more when there is room', () => {
    const index = IndexFile.create(':memory:');
    const fill = (): void => {
      for (let time = 1; time <= 20_000; time += 1)
        index.run('INSERT OR IGNORE INTO moment (time) VALUES (?)', time);
    };
    index.exec('PRAGMA max_page_count = 40');
    expect(fill).to.throw(IndexError).with.property('kind', 'no-space');
    index.exec('PRAGMA max_page_count = 4000');
    fill();
    index.close();
  });
});
