import { expect } from 'chai';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { Catalog, type CatalogOptions } from '../../src/catalog/catalog.ts';
import { Inboxes } from '../../src/catalog/inboxes.ts';
import { Twoskip } from '../../src/catalog/twoskip/database.ts';
import {
  DUMMY_OFFSET,
  HEADER_SIZE,
  TYPE_DELETE,
  decodeHeader,
  decodeRecord,
  encodeHead,
  encodeHeader,
  type SkipRecord,
} from '../../src/catalog/twoskip/format.ts';
import { BackupError } from '../../src/errors.ts';
import { makeScratch, removeScratch } from './scratch.ts';

/** Each answer comes at once, or with the error. */
const AT_ONCE_MS = 2000;

describe('a backups.db that somebody has made up', () => {
  let scratch: string;
  let path: string;
  let options: CatalogOptions;
  let bytes: Buffer;
  let users: SkipRecord[];
  const userids = Array.from({ length: 40 }, (_, at) => `user${String(at).padStart(2, '0')}`);

  beforeEach(() => {
    scratch = makeScratch();
    path = join(scratch, 'backups.db');
    const partitions = new Map([['default', join(scratch, 'part')]]);
    const choice = { mode: 'random' as const, exclude: [], softUsageLimitPercent: 0, usageReinit: 0 };
    options = { databasePath: path, fullDirHash: false, partitions, ...choice };
    const catalog = Catalog.open(options);
    for (const userid of userids) catalog.set(userid, join(scratch, 'part/u', `${userid}_ABCDEF`));
    catalog.close();
    const database = Twoskip.open(path);
    database.repack();
    database.close();
    bytes = readFileSync(path);
    users = recordsIn(bytes);
    expect(users).to.have.length(userids.length);
  });

  afterEach(() => removeScratch(scratch));

  function recordAt(offset: number): SkipRecord {
    return decodeRecord(bytes.subarray(offset), offset, bytes.length, path);
  }

  /** In key order, by their links. */
  function recordsIn(file: Buffer): SkipRecord[] {
    const found: SkipRecord[] = [];
    let record = recordAt(DUMMY_OFFSET);
    for (;;) {
      const offset = Math.max(record.next[0] ?? 0, record.next[1] ?? 0);
      if (offset === 0 || offset >= file.length) return found;
      record = recordAt(offset);
      found.push(record);
    }
  }

  function put(record: SkipRecord): void {
    encodeHead(record).copy(bytes, record.offset);
  }

  const user = (at: number): SkipRecord => users.at(at) as SkipRecord;

  function header(change: (fields: Buffer) => void): void {
    change(bytes);
    bytes.writeUInt32BE(crc32(bytes.subarray(0, 60)), 60);
  }

  /** Everything that is done with it ends soon: well, or with an error that says what to do. */
  function tryAll(): string[] {
    writeFileSync(path, bytes);
    const said: string[] = [];
    const works: ((catalog: Catalog) => unknown)[] = [
      (catalog) => [...catalog.list()],
      (catalog) => [...catalog.list('user3')],
      (catalog) => userids.map((userid) => catalog.find(userid)),
      (catalog) => catalog.find('zoe'),
      (catalog) => catalog.checkConsistency(),
      (catalog) => catalog.create('zoe'),
      (catalog) => catalog.remove('user20'),
      (catalog) => catalog.rename('user21', 'xenia'),
    ];
    for (const readOnly of [true, false]) {
      for (const work of works) {
        const startMs = performance.now();
        try {
          const catalog = Catalog.open({ ...options, readOnly });
          try {
            work(catalog);
          } finally {
            catalog.close();
          }
        } catch (error) {
          expect(error).to.be.instanceOf(BackupError);
          const { kind, message } = error as BackupError;
          if (kind === 'damaged') expect(message).to.match(/ctl_backups reconstruct$/);
          said.push(`${kind}: ${message}`);
        }
        expect(performance.now() - startMs).to.be.lessThan(AT_ONCE_MS);
      }
    }
    return said;
  }

  it('whose list leads in a circle ends with an error, at the lowest level and above', () => {
    const last = user(-1);
    last.next[0] = last.next[1] = user(3).offset;
    put(last);
    expect(tryAll().join('\n')).to.match(/keys are out of order/);
  });

  it('in which a record leads to itself, or back, on each level', () => {
    for (const record of [user(5), user(30)]) {
      record.next = record.next.map(() => record.offset);
      put(record);
    }
    const dummy = recordAt(DUMMY_OFFSET);
    dummy.next = dummy.next.map((_, level) => (level > 1 ? DUMMY_OFFSET : (dummy.next[level] ?? 0)));
    put(dummy);
    expect(tryAll().length).to.be.greaterThan(0);
  });

  it('in which deletion markers lead in a circle', () => {
    const [first, second] = [user(10), user(11)];
    for (const [record, other] of [
      [first, second],
      [second, first],
    ] as const) {
      put({ ...record, type: TYPE_DELETE, next: record.next.map(() => other.offset) });
    }
    expect(tryAll().join('\n')).to.match(/no record at offset/);
  });

  it('with offsets behind its end, and past what a number holds', () => {
    for (const offset of [bytes.length + 8, 2 ** 53 + 8, 2 ** 63]) {
      const record = user(20);
      record.next = record.next.map(() => offset);
      put(record);
      tryAll();
    }
    header((fields) => fields.writeBigUInt64BE(2n ** 62n, 48));
    expect(tryAll().join('\n')).to.match(/currentSize of the twoskip header is too large/);
  });

  it('that is said to be far larger than it is is not made so', () => {
    header((fields) => fields.writeBigUInt64BE(2n ** 40n, 48));
    tryAll();
    expect(readFileSync(path).length).to.be.lessThan(1 << 20);
  });

  it('with counts past what a number holds, or none', () => {
    for (const count of [2n ** 64n - 1n, 0n]) {
      header((fields) => fields.writeBigUInt64BE(count, 32));
      tryAll();
    }
  });

  it('with keys and values as long as the file, which overlap, costs no memory for each', () => {
    const record = user(0);
    const size = 64 << 20;
    writeFileSync(path, bytes);
    truncateSync(path, size);
    bytes = readFileSync(path);
    header((fields) => fields.writeBigUInt64BE(BigInt(size), 48));
    const tail = Buffer.alloc(16);
    record.keyLength = 0xffff;
    record.valueLength = 0xffffffff;
    const head = encodeHead(record).subarray(0, 40);
    head.writeBigUInt64BE(2n ** 54n, 8);
    Buffer.concat([head, tail]).copy(bytes, record.offset);
    const before = process.memoryUsage().rss;
    tryAll();
    expect(process.memoryUsage().rss - before).to.be.lessThan(512 << 20);
  });

  it('with any of its bytes another, checksums set right', function () {
    this.timeout(120_000);
    const original = Buffer.from(bytes);
    let seed = 7;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    for (let round = 0; round < 60; round += 1) {
      original.copy(bytes);
      if (round % 4 === 0) {
        header((fields) => fields.writeUInt8(random(256), 24 + random(36)));
      } else {
        const record = { ...user(random(users.length)) };
        record.next = record.next.map((next) => (random(2) === 0 ? next : random(bytes.length)));
        if (random(3) === 0) record.type = [TYPE_DELETE, 0x2b, 0x24, 0x3d, 0x00][random(5)] as number;
        put(record);
      }
      tryAll();
    }
  });

  it('with a sound header is still written as it is read', () => {
    expect(encodeHeader(decodeHeader(bytes, path))).to.deep.equal(bytes.subarray(0, HEADER_SIZE));
  });

  it('names users and files that cannot be: they are listed with what is wrong, and never followed', () => {
    const database = Twoskip.open(path);
    const outside = join(scratch, 'elsewhere/u/user00_ABCDEF');
    const wrong = {
      '../x': join(scratch, 'part/x/x_ABCDEF'),
      user00: outside,
      user01: join(scratch, 'part/u/../../victim_ABCDEF'),
      user02: join(scratch, 'part/victim_ABCDEF'),
      user03: join(scratch, 'part/uu/user03_ABCDEF'),
      user04: 'part/u/user04_ABCDEF',
      user05: join(scratch, 'part/u/user05_ABCDEF.index'),
      user06: '',
      user07: `${join(scratch, 'part/u/user07_ABCDEF')}\0x`,
    };
    for (const [key, value] of Object.entries(wrong)) database.put(key, value);
    database.close();
    const catalog = Catalog.open({ ...options, readOnly: true });
    const faulty = [...catalog.list()].filter(({ fault }) => fault !== null);
    expect(faulty.map(({ userid }) => userid).toSorted()).to.deep.equal(Object.keys(wrong).toSorted());
    for (const userid of Object.keys(wrong).slice(1)) {
      expect(() => catalog.find(userid), userid)
        .to.throw(BackupError, /reconstruct$/)
        .with.property('kind', 'damaged');
    }
    expect(catalog.find('user10')).to.equal(join(scratch, 'part/u/user10_ABCDEF'));
    catalog.close();
  });

  it('beside an inboxes.db that cannot be read costs that: it is set aside', () => {
    writeFileSync(join(scratch, 'inboxes.db'), 'garbage');
    const inboxes = new Inboxes(path);
    inboxes.put('u1', 'anne');
    expect(inboxes.userOf('u1')).to.equal('anne');
    inboxes.close();
  });
});
