import { expect } from 'chai';
import { BackupError } from '../../src/errors.ts';
import { timestampOf, parseTimestamp } from '../../src/mailbox/timestamp.ts';

/** 2026-11-23T18:30:00Z */
const NOW_S = 1_795_458_600;
const NOON = Date.UTC(2026, 10, 20, 12) / 1000;
const local = (...parts: [number, number, number, number?, number?, number?]): number =>
  new Date(parts[0], parts[1], parts[2], parts[3] ?? 0, parts[4] ?? 0, parts[5] ?? 0).getTime() / 1000;

describe('moments', () => {
  const spellings: [string, number][] = [
    ['2026-11-20T12:00:00Z', NOON],
    ['2026-11-20t12:00:00z', NOON],
    ['2026-11-20 12:00:00Z', NOON],
    ['2026-11-20T12:00:00.75Z', NOON],
    ['20261120T120000Z', NOON],
    ['2026-11-20T13:30:00+01:30', NOON],
    ['2026-11-20T07:00:00-0500', NOON],
    ['2026-11-20T12:00', local(2026, 10, 20, 12)],
    ['2026-11-20 12:00:30', local(2026, 10, 20, 12, 0, 30)],
    ['2026-11-20', local(2026, 10, 20)],
    ['20261120', local(2026, 10, 20)],
    ['@1795382150', 1_795_382_150],
    ['@0', 0],
    ['@9007199254740991', 9_007_199_254_740_991],
    ['now', NOW_S],
    ['2h', NOW_S - 7200],
    ['30m ago', NOW_S - 1800],
    ['1d12h', NOW_S - 129_600],
    ['3w', NOW_S - 3 * 604_800],
    [' 90s ', NOW_S - 90],
  ];
  for (const [text, seconds] of spellings) {
    it(text, () => expect(timestampOf(text, NOW_S)).to.equal(seconds));
  }

  it('today and yesterday begin at local midnight', () => {
    const now = new Date(NOW_S * 1000);
    const [year, month, day] = [now.getFullYear(), now.getMonth(), now.getDate()];
    expect(timestampOf('today', NOW_S)).to.equal(local(year, month, day));
    expect(timestampOf('Yesterday', NOW_S)).to.equal(local(year, month, day - 1));
  });

  for (const text of [
    '',
    'soon',
    '@',
    '@-1',
    '0024-11-20T12:00:00Z',
    '12',
    'ago',
    '2026-02-30',
    '2026-13-01',
    '2026-11-20T25:00:00Z',
    '2h30',
  ]) {
    it(`${JSON.stringify(text)} is none`, () => expect(timestampOf(text, NOW_S)).to.equal(undefined));
  }

  it('an error names the option and what would be right', () => {
    expect(() => parseTimestamp('soon', NOW_S, '--at'))
      .to.throw(BackupError, /^--at: "soon" is no time \(such as 2026-11-20/)
      .with.property('kind', 'usage');
  });
});
