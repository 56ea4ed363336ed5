import { expect } from 'chai';
import { canonicalFlag, hasFlag, parseFlags, printFlags, sameFlags } from '../../src/mailbox/flags.ts';
import { isGuid, nullGuid } from '../../src/mailbox/guid.ts';

describe('flags', () => {
  it('are the same in any case and order', () => {
    expect(sameFlags(['\\Seen', '$A'], ['$a', '\\SEEN'])).to.equal(true);
    expect(sameFlags(['\\Seen'], ['\\Seen', '$a'])).to.equal(false);
    expect(sameFlags(['\\Seen', '$b'], ['\\Seen', '$a'])).to.equal(false);
    expect(hasFlag(['\\SEEN'], '\\Seen')).to.equal(true);
    expect(hasFlag(['$Seen'], '\\Seen')).to.equal(false);
  });

  it('fold ASCII letters alone: a flag is bytes', () => {
    expect(canonicalFlag('$\xc4B')).to.equal('$\xc4b');
  });

  it('are kept with spaces between', () => {
    expect(parseFlags(printFlags(['\\Seen', '$A']))).to.deep.equal(['\\Seen', '$A']);
    expect(parseFlags('')).to.deep.equal([]);
  });
});

describe('guids', () => {
  it('are 40 lower-case hex digits', () => {
    expect(isGuid(nullGuid)).to.equal(true);
    for (const text of ['', 'a'.repeat(39), 'A'.repeat(40), 'g'.repeat(40), `${nullGuid}\n`]) {
      expect(isGuid(text)).to.equal(false);
    }
  });
});
