import { expect } from 'chai';
import { fileTimeMs } from '../../../mount/tree/attributes.ts';
import { timestampName } from '../../../mount/tree/timestampNames.ts';
import { timestampOf } from '../../../src/mailbox/timestamp.ts';

const YEAR = 31_556_952;

describe('times that no calendar has', () => {
  it('are the first or the last that files have', () => {
    const years = [-(2 ** 62), -1_000_000 * YEAR, -3000 * YEAR, 10_000 * YEAR, 2 ** 53, 2 ** 63, Infinity];
    const shown = years.map((seconds) => new Date(fileTimeMs(seconds)).toISOString());
    const [first, last] = ['0001-01-01T00:00:00.000Z', '9999-12-31T23:59:59.000Z'];
    expect(shown).to.deep.equal([first, first, first, last, last, last, last]);
    for (const seconds of [-YEAR, -1, 0, 1, 1_700_000_000])
      expect(fileTimeMs(seconds)).to.equal(seconds * 1000);
  });

  it('have a name in .at that leads back', () => {
    for (const time of [0, 1, 1_700_000_000, 253_402_300_799, 253_402_300_800, 2 ** 53 - 1]) {
      expect(timestampOf(timestampName(time), 0), timestampName(time)).to.equal(time);
    }
    for (const time of [-1_500 * YEAR, -59_011_459_200])
      expect(timestampOf(timestampName(time), 0)).to.equal(time);
    expect(timestampName(-(2 ** 62))).to.match(/^@-\d+$/);
  });
});
