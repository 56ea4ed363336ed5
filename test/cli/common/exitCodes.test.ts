import { expect } from 'chai';
import { EXIT_CODES, worse } from '../../../src/cli/common/exitCodes.ts';
import { exitCodeOf } from '../../../src/errors.ts';

describe('exit codes', () => {
  it('have a meaning for each kind of error', () => {
    const known = new Set(EXIT_CODES.map(({ code }) => code));
    expect(Object.values(exitCodeOf).filter((code) => !known.has(code))).to.deep.equal([]);
  });

  it('of many users: the most severe wins, in either order', () => {
    for (const [one, other, worst] of [
      [0, 75, 75],
      [75, 67, 67],
      [67, 65, 65],
      [65, 70, 70],
      [0, 0, 0],
      [65, 3, 3],
    ] as const) {
      expect(worse(one, other)).to.equal(worst);
      expect(worse(other, one)).to.equal(worst);
    }
  });
});
