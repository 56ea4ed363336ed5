import { expect } from 'chai';
import * as fc from 'fast-check';
import { decodeMutf7, encodeMutf7 } from '../../src/mailbox/mutf7.ts';

describe('modified UTF-7', () => {
  for (const [name, text] of [
    ['~peter/mail/&U,BTFw-/&ZeVnLIqe-', '~peter/mail/台北/日本語'],
    ['&Jjo-!', '☺!'],
    ['Entw&APw-rfe', 'Entwürfe'],
    ['&-', '&'],
    ['&2D3eAA-', '😀'],
    ['', ''],
  ] as const) {
    it(`${name} is ${text}`, () => {
      expect(decodeMutf7(name)).to.equal(text);
      expect(encodeMutf7(text)).to.equal(name);
    });
  }

  it('refuses every other spelling, so that two names are never one text', () => {
    for (const name of ['&', '&AGE-', '&Jjo', '&Jjo!', '&U,BTFw-&ZeVnLIqe-', '&2D0-', '&=-', '\xfc', '&J-']) {
      expect(decodeMutf7(name), name).to.equal(undefined);
    }
  });

  it('carries any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(decodeMutf7(encodeMutf7(text))).to.equal(text);
      }),
    );
  });
});
