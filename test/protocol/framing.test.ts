import { expect } from 'chai';
import { continuationOf } from '../../src/protocol/framing.ts';
import { guidOne } from './sessions.ts';
import { latin1 } from './sources.ts';

describe('framing', () => {
  for (const [line, size, isFile, synchronizing] of [
    ['GET USER {5}\r\n', 5, false, true],
    ['GET USER {5+}\r\n', 5, false, false],
    ['x ({5+}\n', 5, false, false],
    ['{0+}\r\n', 0, false, false],
    [`(%{default ${guidOne} 208}\r\n`, 208, true, false],
    [`(%{"a b" ${guidOne} 208}\r\n`, 208, true, false],
  ] as const) {
    it(`goes on behind ${JSON.stringify(line)}`, () => {
      expect(continuationOf(latin1(line))).to.deep.equal({ size, isFile, synchronizing });
    });
  }

  for (const line of [
    'NOOP\r\n',
    '',
    '\r\n',
    'GET USER abc{5}\r\n',
    'x {}\r\n',
    'x {-1}\r\n',
    'x {5} \r\n',
    `%{d ${guidOne} 2+}\r\n`,
  ]) {
    it(`ends at ${JSON.stringify(line)}`, () => {
      expect(continuationOf(latin1(line))).to.equal(undefined);
    });
  }

  it('looks at the end of a long line only', () => {
    expect(continuationOf(latin1(`${'{5} '.repeat(100_000)}{7+}\r\n`))).to.deep.include({ size: 7 });
  });
});
