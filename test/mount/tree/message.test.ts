import { expect } from 'chai';
import fc from 'fast-check';
import { childInode, inodeOf } from '../../../mount/tree/hash.ts';
import { mhNaming, plainNaming } from '../../../mount/tree/naming.ts';

describe('names of messages', () => {
  it('lead back to their UID', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 0xffff_ffff }), (uid) => {
        for (const naming of [plainNaming, mhNaming]) {
          expect(naming.uidOf(naming.messageName(uid).toString())).to.equal(uid);
        }
      }),
    );
  });

  it('are no other spelling of a number, and no number that cannot be a UID', () => {
    for (const name of [
      '0.eml',
      '01.eml',
      '1.EML',
      '1.eml ',
      '-1.eml',
      '1e3.eml',
      '4294967296.eml',
      '1',
      '.eml',
      '1.emlx',
    ]) {
      expect(plainNaming.uidOf(name), name).to.equal(undefined);
    }
  });
});

describe('names of folders beside MH’s messages', () => {
  it('are no numbers, and lead back to the level', () => {
    for (const level of ['2024', 'a', '%25324', '%3', '0', '12a']) {
      const name = mhNaming.folderName(level);
      expect(mhNaming.uidOf(name), level).to.equal(undefined);
      expect(mhNaming.segmentOf(name), level).to.equal(level);
    }
    expect(mhNaming.segmentOf('2024')).to.equal(undefined);
  });
});

describe('inode numbers', () => {
  it('are 63 bits and never 0, for whatever folder and UID', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }),
        fc.integer({ min: 0, max: 0xffff_ffff }),
        (folder, uid) => {
          const inode = childInode(folder, uid);
          expect(inode > 0n && inode < 2n ** 63n).to.equal(true);
        },
      ),
    );
    expect(childInode(2n ** 63n - 1n, 1)).to.equal(1n);
  });

  it('differ with the parts and where one ends and the next begins', () => {
    expect(new Set([inodeOf('a', 'bc'), inodeOf('ab', 'c'), inodeOf('abc'), inodeOf('abd')]).size).to.equal(
      4,
    );
    expect(inodeOf('a', 'bc')).to.equal(inodeOf('a', 'bc'));
  });
});
