import { expect } from 'chai';
import { BackupError } from '../../src/errors.ts';
import {
  Flag,
  KeyValues,
  getBigInt,
  getList,
  getNumber,
  getString,
  getStrings,
  optionalBigInt,
  optionalList,
  optionalNumber,
  optionalString,
  toKeyValues,
  toKeyValuesList,
} from '../../src/protocol/dlist.ts';

const values = new KeyValues([
  ['NAME', 'a'],
  ['NUMBER', '12'],
  ['BIG', '18446744073709551615'],
  ['HUGE', '18446744073709551616'],
  ['SIGNED', '-1'],
  ['LIST', ['a', 'b']],
  ['MIXED', ['a', null]],
  ['NOTHING', null],
  ['FLAG', Flag.of('\\Seen')],
  ['NAME', 'second'],
]);

describe('keys of a command', () => {
  it('are found, the first of two', () => {
    expect(getString(values, 'NAME')).to.equal('a');
    expect(getNumber(values, 'NUMBER')).to.equal(12);
    expect(getBigInt(values, 'BIG')).to.equal(2n ** 64n - 1n);
    expect(getList(values, 'LIST')).to.deep.equal(['a', 'b']);
    expect(getStrings(values, 'LIST')).to.deep.equal(['a', 'b']);
    expect(values.has('NOTHING')).to.equal(true);
    expect(values.has('ABSENT')).to.equal(false);
  });

  it('may be absent or NIL where they are optional', () => {
    for (const key of ['ABSENT', 'NOTHING']) {
      for (const get of [optionalString, optionalNumber, optionalBigInt, optionalList]) {
        expect(get(values, key)).to.equal(undefined);
      }
    }
  });

  for (const [key, get] of [
    ['ABSENT', getString],
    ['NOTHING', getString],
    ['LIST', getString],
    ['FLAG', getString],
    ['ABSENT', getNumber],
    ['NAME', getNumber],
    ['SIGNED', getNumber],
    ['BIG', getNumber],
    ['LIST', getNumber],
    ['HUGE', getBigInt],
    ['SIGNED', getBigInt],
    ['NAME', getList],
    ['ABSENT', getList],
    ['MIXED', getStrings],
    ['NAME', optionalNumber],
    ['LIST', optionalString],
    ['NAME', optionalList],
  ] as const) {
    it(`${key} is refused by ${get.name}, with its name`, () => {
      expect(() => get(values, key))
        .to.throw(BackupError, key)
        .with.property('kind', 'bad-parameters');
    });
  }

  it('are refused as lists of records where they are none', () => {
    expect(() => toKeyValues('x', 'MAILBOX')).to.throw(/MAILBOX/);
    expect(() => toKeyValuesList(['x'], 'RECORD')).to.throw(/RECORD/);
    expect(toKeyValuesList([values], 'RECORD')).to.deep.equal([values]);
  });
});
