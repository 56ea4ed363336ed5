import { expect } from 'chai';
import * as fc from 'fast-check';
import { foldInode, statOf, statfsOf } from '../../../../mount/transports/fuse-native/convert.ts';

describe('what fuse-native can carry', () => {
  it('inode numbers stay within 32 bits and are never 0', () => {
    const property = fc.property(fc.bigInt(1n, (1n << 63n) - 1n), (inode) => {
      expect(foldInode(inode)).to.be.within(1, 0xffffffff).and.satisfy(Number.isInteger);
    });
    fc.assert(property);
    expect(foldInode((5n << 32n) | 5n)).to.equal(1);
  });

  it('times before 1970 become 1970', () => {
    const stat = statOf({
      kind: 'file',
      inode: 1n,
      sizeBytes: 513,
      mtimeMs: -5.5,
      ctimeMs: 7.9,
      nlink: 1,
      mode: 0o400,
      uid: 0,
      gid: 0,
      validMs: 0,
    });
    expect([stat.mtime, stat.ctime, stat.blocks, stat.mode]).to.deep.equal([0, 7, 2, 0o100400]);
  });

  it('a large file system is counted in larger units, to the same size', () => {
    const statfs = statfsOf({ blockBytes: 4096, blocks: 2 ** 36, files: 2 ** 40 });
    expect(statfs.blocks).to.be.at.most(0xffffffff);
    expect(statfs.blocks * statfs.frsize).to.equal(2 ** 48);
    expect(statfs.files).to.equal(0xffffffff);
  });
});
