import { expect } from 'chai';
import { Real, writeJson, writeJsonArray, writeJsonObject } from '../../../src/cli/common/json.ts';
import { Capture } from '../../backup/sampleBackup.ts';

function printed(write: (io: Capture) => void): string {
  const io = new Capture();
  write(io);
  return io.out;
}

describe('JSON as the originals print it', () => {
  const reals: [value: number, text: string][] = [
    [0, '0.0'],
    [50, '50.0'],
    [100 / 3, '33.333333333333336'],
    [31.376275255051009, '31.376275255051009'],
    [0.1, '0.10000000000000001'],
    [0.00012, '0.00012'],
    [1234567.5, '1234567.5'],
  ];
  for (const [value, text] of reals) {
    it(`prints the real ${value} as ${text}`, () => {
      expect(printed((io) => writeJson(io, new Real(value)))).to.equal(`${text}\n`);
    });
  }

  const value = { a: 1, b: [], c: {}, d: [1, { e: 'k\u00fc"\n' }], f: null };

  it('is what JSON.stringify makes where there are no reals', () => {
    expect(printed((io) => writeJson(io, value))).to.equal(`${JSON.stringify(value, null, 2)}\n`);
  });

  it('is the same when it is written as it comes', () => {
    const array = [value, value];
    expect(printed((io) => writeJsonArray(io, array))).to.equal(`${JSON.stringify(array, null, 2)}\n`);
    const object = { x: value, y: value };
    const whole = printed((io) => writeJsonObject(io, Object.entries(object)));
    expect(whole).to.equal(`${JSON.stringify(object, null, 2)}\n`);
    expect(printed((io) => writeJsonArray(io, []))).to.equal('[]\n');
    expect(printed((io) => writeJsonObject(io, []))).to.equal('{}\n');
  });

  it('leaves out what is undefined', () => {
    expect(printed((io) => writeJson(io, { a: undefined, b: 2 }))).to.equal('{\n  "b": 2\n}\n');
  });
});
