import { expect } from 'chai';
import * as fc from 'fast-check';
import { BackupError } from '../../src/errors.ts';
import { containsUid, parseUidSet, printUidSet } from '../../src/mailbox/seen.ts';

describe('UID sets', () => {
  it('are read in any order, with overlaps, and printed in one form', () => {
    expect(printUidSet(parseUidSet('9,1:3,2:5,6,12:10'))).to.equal('1:6,9:12'.replace('9:12', '9:12'));
    expect(printUidSet(parseUidSet(''))).to.equal('');
    expect(printUidSet(parseUidSet('7:*'))).to.equal('7:4294967295');
  });

  it('hold what they were made of, and nothing else', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 60 })), (uids) => {
        const set = parseUidSet(uids.join(','));
        for (let uid = 1; uid <= 61; uid += 1) expect(containsUid(set, uid)).to.equal(uids.includes(uid));
        expect(parseUidSet(printUidSet(set))).to.deep.equal(set);
      }),
    );
  });

  it('cost nothing for what they span', () => {
    expect(containsUid(parseUidSet('1:4294967295'), 4294967295)).to.equal(true);
  });

  it('are refused where they are none', () => {
    for (const text of ['0', 'a', '1,', ',', '1:', ':1', '1:2:3', '4294967296', '-1', ' 1']) {
      expect(() => parseUidSet(text), text).to.throw(BackupError);
    }
  });
});
