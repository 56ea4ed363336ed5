import { expect } from 'chai';
import * as fc from 'fast-check';
import { copyFileSync, existsSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { BackupError } from '../../../src/errors.ts';
import { Twoskip } from '../../../src/catalog/twoskip/database.ts';
import { encodeHeader, decodeHeader, paddingBefore } from '../../../src/catalog/twoskip/format.ts';
import { makeScratch, removeScratch } from '../scratch.ts';

const names = (database: Twoskip, prefix = ''): string[] =>
  [...database.entries(prefix)].map(([key]) => key.toString('latin1'));

function filled(path: string, count: number): Twoskip {
  const database = Twoskip.open(path, { create: true });
  database.transaction(() => {
    for (let i = 0; i < count; i++) database.put(`user${i}`, `/backup/u/user${i}_XXXXXX`);
  });
  return database;
}

describe('twoskip', () => {
  let scratch: string;
  let counter = 0;
  beforeEach(() => (scratch = makeScratch()));
  afterEach(() => removeScratch(scratch));

  const fresh = (): string => join(scratch, `${counter++}.db`);

  it('is a header and a dummy of level 31 when new, private to its owner', () => {
    const path = fresh();
    Twoskip.open(path, { create: true }).close();
    const bytes = readFileSync(path);
    expect(bytes.length).to.equal(336);
    expect(bytes.readUInt32BE(60)).to.equal(crc32(bytes.subarray(0, 60)));
    expect(bytes.toString('latin1', 64, 66)).to.equal('=\x1f');
    expect(statSync(path).mode & 0o777).to.equal(0o600);
  });

  it('does what a sorted map does, whatever the order of puts and deletes', () => {
    const key = fc.stringMatching(/^[a-c]{1,3}$/);
    const step = fc.record({ key, value: fc.option(fc.string({ maxLength: 40 })) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const database = Twoskip.open(fresh(), { create: true });
        const model = new Map<string, string>();
        for (const { key, value } of steps) {
          if (value === null) expect(database.delete(key)).to.equal(model.delete(key));
          else {
            database.put(key, value);
            model.set(key, value);
          }
        }
        const expected = [...model].sort(([a], [b]) => (a < b ? -1 : 1));
        const found = [...database.entries()].map(([key, value]) => [key.toString(), value.toString()]);
        expect(found).to.deep.equal(expected);
        expect(database.checkConsistency()).to.deep.equal([]);
        expect(database.size()).to.equal(model.size);
        database.close();
      }),
      { numRuns: 60 },
    );
  });

  it('keeps keys and values of any bytes, and longer than their short length fields', () => {
    const database = Twoskip.open(fresh(), { create: true });
    const key = Buffer.concat([Buffer.from([0, 255, 10, 9]), Buffer.alloc(70_000, 'k')]);
    const value = Buffer.alloc(100_000, Buffer.from([0, 1, 254]));
    database.put(key, value);
    database.put('z', Buffer.alloc(0));
    expect(database.get(key)?.equals(value)).to.equal(true);
    expect(database.get('z')?.length).to.equal(0);
    expect(database.get('y')).to.equal(null);
    expect(database.checkConsistency()).to.deep.equal([]);
    database.close();
  });

  it('lists by prefix across batches, in the order of bytes', () => {
    const database = filled(fresh(), 1000);
    database.put('User', 'x');
    database.put('usez', 'x');
    expect(names(database, 'user')).to.have.length(1000);
    expect(names(database)).to.have.length(1002);
    expect(names(database)[0]).to.equal('User');
    expect(names(database, 'user99')).to.deep.equal([
      'user99', 'user990', 'user991', 'user992', 'user993', 'user994', 'user995', 'user996', 'user997', 'user998', 'user999',
    ]); // prettier-ignore
    expect(names(database, 'nobody')).to.deep.equal([]);
    database.close();
  });

  it('survives changes by its reader in the middle of a listing', () => {
    const database = filled(fresh(), 600);
    let seen = 0;
    for (const [key] of database.entries()) {
      database.delete(key);
      seen++;
    }
    expect(seen).to.equal(600);
    expect(database.size()).to.equal(0);
    database.close();
  });

  it('undoes a transaction that throws', () => {
    const path = fresh();
    const database = filled(path, 20);
    const size = statSync(path).size;
    const failing = (): void =>
      database.transaction(() => {
        database.put('user3', 'other');
        database.delete('user4');
        database.put('zz', 'new');
        throw new Error('no');
      });
    expect(failing).to.throw('no');
    expect(database.get('user3')?.toString()).to.equal('/backup/u/user3_XXXXXX');
    expect(database.get('user4')).to.not.equal(null);
    expect(database.get('zz')).to.equal(null);
    expect(statSync(path).size).to.equal(size);
    expect(database.checkConsistency()).to.deep.equal([]);
    database.close();
  });

  it('shows the last commit, whatever byte the writer died at', () => {
    const path = fresh();
    const database = filled(path, 30);
    const before = names(database);
    const old = readFileSync(path);
    database.transaction(() => {
      database.delete('user5');
      database.put('user6', 'changed');
      database.put('user61', 'new');
    });
    database.close();
    const after = readFileSync(path);
    const header = decodeHeader(old, path);
    // Everything written but the last header: pointers changed in place, records appended in part.
    for (let size = old.length; size <= after.length; size += 4) {
      const torn = fresh();
      writeFileSync(torn, Buffer.concat([encodeHeader({ ...header, flags: 1 }), after.subarray(64, size)]));
      const reader = Twoskip.open(torn, { readOnly: true });
      expect(names(reader)).to.deep.equal(before);
      reader.close();
      const repaired = Twoskip.open(torn);
      expect(names(repaired)).to.deep.equal(before);
      expect(repaired.get('user6')?.toString()).to.equal('/backup/u/user6_XXXXXX');
      expect(repaired.checkConsistency()).to.deep.equal([]);
      repaired.close();
      expect(statSync(torn).size).to.equal(old.length);
    }
  });

  it('rescues whole commits where the list itself is broken, deletions included', () => {
    const path = fresh();
    const database = filled(path, 5);
    database.delete('user2');
    database.put('user9', 'kept');
    database.close();
    const bytes = readFileSync(path);
    const header = decodeHeader(bytes, path);
    encodeHeader({ ...header, flags: 1 }).copy(bytes);
    bytes.writeUInt8(bytes.readUInt8(80) ^ 0xff, 80);
    writeFileSync(path, bytes);
    const rescued = Twoskip.open(path);
    expect(names(rescued)).to.deep.equal(['user0', 'user1', 'user3', 'user4', 'user9']);
    expect(rescued.checkConsistency()).to.deep.equal([]);
    rescued.close();
    expect(decodeHeader(readFileSync(path), path).generation).to.equal(header.generation + 1);
    expect(existsSync(`${path}.NEW`)).to.equal(false);
  });

  it('rewrites itself in order when dead bytes prevail, under the eyes of another reader', () => {
    const path = fresh();
    const database = filled(path, 100);
    const other = Twoskip.open(path);
    for (let i = 0; i < 400; i++) database.put('user50', `value ${i}`);
    expect(statSync(path).size).to.be.below(60_000);
    expect(other.get('user50')?.toString()).to.equal('value 399');
    expect(names(other)).to.have.length(100);
    other.put('zz', 'from the other');
    expect(database.get('zz')?.toString()).to.equal('from the other');
    expect(database.checkConsistency()).to.deep.equal([]);
    database.close();
    other.close();
  });

  it('repacks records of every length to a consistent file', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(700), { maxLength: 50 }), (lengths) => {
        const path = fresh();
        const database = Twoskip.open(path, { create: true });
        lengths.forEach((length, i) => database.put(`key${i}`, Buffer.alloc(length, 'v')));
        database.repack();
        expect(database.checkConsistency()).to.deep.equal([]);
        lengths.forEach((length, i) => expect(database.get(`key${i}`)?.length).to.equal(length));
        database.close();
      }),
      { numRuns: 30 },
    );
  });

  it('names the file that is not a twoskip database, and leaves it as it is', () => {
    const path = fresh();
    writeFileSync(path, Buffer.alloc(100, 'x'));
    expect(() => Twoskip.open(path)).to.throw(BackupError, `${path}: not a twoskip database`);
    expect(readFileSync(path).equals(Buffer.alloc(100, 'x'))).to.equal(true);
    expect(() => Twoskip.open(fresh())).to.throw(BackupError, 'cannot open');
  });

  it('notices one changed byte anywhere in its records', () => {
    const path = fresh();
    filled(path, 3).close();
    const bytes = readFileSync(path);
    for (let at = 64; at < bytes.length; at += 3) {
      const copy = fresh();
      copyFileSync(path, copy);
      const changed = Buffer.from(bytes);
      changed.writeUInt8(changed.readUInt8(at) ^ 0x10, at);
      writeFileSync(copy, changed);
      const database = Twoskip.open(copy, { readOnly: true });
      const isCommitRecord = at >= bytes.length - 24;
      const isBlank = bytes.toString('latin1', at - (at % 8), at - (at % 8) + 6) === ' BLANK';
      const problems = database.checkConsistency();
      if (!isCommitRecord && !isBlank) expect(problems, `byte ${at}`).to.not.deep.equal([]);
      database.close();
    }
  });

  it('refuses to write through a read-only handle', () => {
    const path = fresh();
    filled(path, 3).close();
    const database = Twoskip.open(path, { readOnly: true });
    expect(() => database.put('a', 'b')).to.throw(BackupError, 'reading only');
    database.close();
  });

  it('cuts off what was appended without a commit', () => {
    const path = fresh();
    filled(path, 3).close();
    const size = statSync(path).size;
    truncateSync(path, size + 500);
    const database = Twoskip.open(path);
    expect(statSync(path).size).to.equal(size);
    expect(names(database)).to.have.length(3);
    database.close();
  });

  it('pads heads off the borders of disk blocks as the original does', () => {
    expect(paddingBefore(480, 32)).to.equal(0);
    expect(paddingBefore(488, 32)).to.equal(16);
    expect(paddingBefore(336, 32)).to.equal(0);
    expect(paddingBefore(500, 505)).to.equal(0);
  });
});
