import { expect } from 'chai';
import { statfsOf } from '../../../../mount/transports/fuse-native/convert.ts';

describe('what fuse-native can carry', () => {
  it('a large file system is counted in larger units, to the same size', () => {
    const statfs = statfsOf({ blockBytes: 4096, blocks: 2 ** 36, files: 2 ** 40 });
    expect(statfs.blocks).to.be.at.most(0xffffffff);
    expect(statfs.blocks * statfs.frsize).to.equal(2 ** 48);
    expect(statfs.files).to.equal(0xffffffff);
  });
});
