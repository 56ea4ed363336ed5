/** The struct stat that libfuse is given, beside those that this machine's C library gives. */
import { expect } from 'chai';
import koffi from 'koffi';
import { statSync } from 'node:fs';
import { statBytes } from '../../../../mount/transports/fuse-native/attributeAnswers.ts';
import type { Attributes } from '../../../../mount/tree.ts';

const attributes: Attributes = {
  kind: 'file',
  inode: (1n << 63n) - 2n,
  sizeBytes: 2 ** 40 + 513,
  mtimeMs: 1_700_000_000_123.5,
  ctimeMs: -5.5,
  nlink: 0,
  mode: 0o400,
  uid: 4_000_000_000,
  gid: 7,
  validMs: 0,
};

describe('the struct stat for libfuse', () => {
  it('has each field where the C library has it', () => {
    const stat = koffi.load(null).func('int stat(const char *path, void *stat)');
    const real = Buffer.alloc(512);
    expect(stat('/usr/bin', real)).to.equal(0);
    const { ino, nlink, mode, uid, gid, size, blksize, mtimeMs, ctimeMs } = statSync('/usr/bin', {
      bigint: true,
    });
    const made = statBytes({
      ...attributes,
      kind: 'folder',
      inode: ino,
      nlink: Number(nlink),
      mode: Number(mode & 0o7777n),
      uid: Number(uid),
      gid: Number(gid),
      sizeBytes: Number(size),
      mtimeMs: Number(mtimeMs),
      ctimeMs: Number(ctimeMs),
    });
    const whole = (bytes: Buffer): bigint[] => [88, 104].map((at) => bytes.readBigInt64LE(at));
    expect(made.subarray(8, 36).equals(real.subarray(8, 36)), 'inode, links, mode, owner').to.equal(true);
    expect(made.readBigInt64LE(48)).to.equal(real.readBigInt64LE(48));
    expect(made.readUInt32LE(56)).to.equal(Number(blksize));
    expect(whole(made)).to.deep.equal(whole(real));
  });

  it('has 64 bits of an inode number, links that are none, and times before 1970', () => {
    const made = statBytes(attributes);
    expect(made.readBigUInt64LE(8)).to.equal(attributes.inode);
    expect(made.readBigInt64LE(48)).to.equal(2n ** 40n + 513n);
    expect([made.readBigInt64LE(88), made.readBigInt64LE(96)]).to.deep.equal([1_700_000_000n, 123_500_000n]);
    expect([made.readBigInt64LE(104), made.readBigInt64LE(112)]).to.deep.equal([-1n, 994_500_000n]);
  });
});
