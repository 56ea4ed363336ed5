/** A chunk without flush points, read forward in stretches: the same bytes as all at once, and damage where it is. */
import { expect } from 'chai';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { BackupError } from '../../../src/errors.ts';
import { ForwardReader } from '../../../src/log/read/forwardReader.ts';

const lines = Array.from(
  { length: 20_000 },
  (_, index) => `${Math.imul(index, 2_654_435_761)} is line ${index}\n`,
);
const plain = Buffer.from(lines.join(''));

describe('reading a chunk forward', () => {
  let folder: string;
  let fd: number;
  const compressed = deflateRawSync(plain);

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'forward-'));
    writeFileSync(join(folder, 'chunk'), Buffer.concat([Buffer.alloc(10), compressed, Buffer.alloc(8)]));
    fd = openSync(join(folder, 'chunk'), 'r');
  });

  after(() => {
    closeSync(fd);
    rmSync(folder, { recursive: true });
  });

  const start = { offset: 0, fileOffset: 10 };
  const reader = (limit = 10 + compressed.length): ForwardReader => new ForwardReader(fd, start, limit);

  it('stretches with and without gaps, small and large, are the bytes there', () => {
    const forward = reader();
    for (const [offset, size] of [
      [0, 1],
      [1, 10],
      [5000, 70_000],
      [75_000, 0],
      [75_000, 200_000],
      [300_001, 7],
    ] as const) {
      expect(forward.read(offset, size).equals(plain.subarray(offset, offset + size)), `${offset}`).to.equal(
        true,
      );
      expect(forward.position).to.be.at.most(offset + size);
    }
    forward.close();
  });

  it('all of it at once, and to its last byte', () => {
    expect(reader().read(0, plain.length).equals(plain)).to.equal(true);
    expect(
      reader()
        .read(plain.length - 1, 1)
        .equals(plain.subarray(-1)),
    ).to.equal(true);
  });

  it('what is behind it, what is before, and what is cut off is damage', () => {
    expect(() => reader().read(plain.length, 1)).to.throw(BackupError, /offset/);
    const forward = reader();
    forward.read(1000, 10);
    expect(() => forward.read(0, 10)).to.throw(BackupError, /stands behind offset 0/);
    expect(() => reader(1000).read(200_000, 10)).to.throw(BackupError, /is cut off before offset 200010/);
  });
});
