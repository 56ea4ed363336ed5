import { expect } from 'chai';
import { mboxHead, mboxHeadBytes } from '../../../mount/content/mboxText.ts';

describe('the text of an mbox', () => {
  it('has heads of the length that is told without them, whatever the flags and the date', () => {
    const headBytes = mboxHeadBytes();
    const dates = [0, 1_700_000_000, -1, -40_000_000_000, 253_402_300_799, 253_402_300_800, 1_700_000_001];
    const flags = ['', '\\Seen', '\\Seen \\Answered', '\\Flagged $Work', '\\Draft \\Deleted $Forwarded'];
    for (const internaldate of [...dates, ...dates]) {
      for (const each of flags) {
        const of = { internaldate, flags: each, guid: 'ab'.repeat(20) };
        expect(headBytes(of), `${each} ${internaldate}`).to.equal(mboxHead(of).length);
      }
    }
  });
});
