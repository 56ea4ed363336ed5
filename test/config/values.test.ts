import { expect } from 'chai';
import * as fc from 'fast-check';
import {
  parseBytes,
  parseDuration,
  parseEnum,
  parseInteger,
  parseList,
  parseSwitch,
} from '../../src/config/values.ts';

describe('values of imapd.conf', () => {
  it('switches go by their first letters, as in C', () => {
    for (const text of ['1', 'yes', 'y', 'on', 't', 'true']) expect(parseSwitch(text), text).to.equal(true);
    for (const text of ['0', 'no', 'n', 'off', 'f', 'false']) expect(parseSwitch(text), text).to.equal(false);
    for (const text of ['Yes', 'maybe', 'o', '2', '']) expect(parseSwitch(text), text).to.equal(null);
  });

  it('integers are decimal, octal or hexadecimal, and nothing follows them', () => {
    expect(['0', '12', '-3', '+4', '010', '0x1F'].map(parseInteger)).to.deep.equal([0, 12, -3, 4, 8, 31]);
    for (const text of ['', '1x', '08', '1 2', '64K', '99999999999999999999']) {
      expect(parseInteger(text), text).to.equal(null);
    }
  });

  it('durations add up their parts, and a bare number has the option’s unit', () => {
    expect(parseDuration('7', 'd')).to.equal(7 * 86_400);
    expect(parseDuration('1h30m', 's')).to.equal(5400);
    expect(parseDuration('1d2', 's')).to.equal(86_402);
    expect(parseDuration('-1', 'd')).to.equal(-86_400);
    expect(parseDuration('0', 's')).to.equal(0);
    for (const text of ['', '-', 'd', '1w', '1h m', '1.5h', '5 m', 'm5']) {
      expect(parseDuration(text, 's'), text).to.equal(null);
    }
  });

  it('any duration written out is read back', () => {
    const part = fc.nat(1000);
    fc.assert(
      fc.property(part, part, part, part, (d, h, m, s) => {
        const seconds = ((d * 24 + h) * 60 + m) * 60 + s;
        expect(parseDuration(`${d}d${h}h${m}m${s}s`, 'd')).to.equal(seconds);
      }),
    );
  });

  it('sizes take K, M and G, and a bare number has the option’s unit', () => {
    expect(parseBytes('64', 'K')).to.equal(65_536);
    expect(parseBytes('64K', 'K')).to.equal(65_536);
    expect(parseBytes('1M', 'K')).to.equal(1_048_576);
    expect(parseBytes('2 GiB', 'B')).to.equal(2_147_483_648);
    expect(parseBytes('10B', 'K')).to.equal(10);
    expect(parseBytes('-1', 'K')).to.equal(-1024);
    for (const text of ['', 'K', '1T', '1.5K', 'x1']) expect(parseBytes(text, 'K'), text).to.equal(null);
  });

  it('an enum’s on and off may be written as a switch', () => {
    const values = ['off', 'userid', 'on'];
    expect(['yes', 'no', 'userid', 'on', '1', 'f'].map((text) => parseEnum(text, values))).to.deep.equal([
      'on', 'off', 'userid', 'on', 'on', 'off',
    ]); // prettier-ignore
    expect(parseEnum('Userid', values)).to.equal(null);
    expect(parseEnum('yes', ['optional'])).to.equal(null);
  });

  it('lists are parted by white space, some by commas too', () => {
    expect(parseList('anne  bethany\tcyrus', undefined)).to.deep.equal(['anne', 'bethany', 'cyrus']);
    expect(parseList('a, b,c', ',')).to.deep.equal(['a', 'b', 'c']);
    expect(parseList('a,b', undefined)).to.deep.equal(['a,b']);
  });
});
