import { expect } from 'chai';
import { takenAnnotations } from '../../../src/restore/cyrus/annotations.ts';
import { parseDlist } from '../../../src/protocol/parseText.ts';
import { printDlist } from '../../../src/protocol/print.ts';

const taken = (text: string): string => printDlist(takenAnnotations(parseDlist(text)), 'log');

describe('annotations for a Cyrus server', () => {
  it('of Cyrus 3.0 get an owner and a modseq, which later servers insist on', () => {
    const thrid = '/vendor/cmu/cyrus-imapd/thrid';
    expect(taken(`(%(ENTRY ${thrid} USERID NIL VALUE e690ef0f95f54e8d))`)).to.equal(
      `(%(ENTRY ${thrid} USERID "" VALUE e690ef0f95f54e8d MODSEQ 0))`,
    );
  });

  it('of later ones stay as they are', () => {
    for (const text of [
      '(%(ENTRY /comment USERID anne MODSEQ 12 VALUE "USERID NIL "))',
      '(%(ENTRY /comment USERID "" MODSEQ 0 VALUE NIL) %(ENTRY /altsubject USERID "" MODSEQ 3 VALUE x))',
      '()',
    ]) {
      expect(taken(text)).to.equal(text);
    }
  });
});
