import { expect } from 'chai';
import { MboxHead, mboxBytes } from '../../../mount/content/mboxText.ts';
import { LineEnds } from '../../../mount/content/mboxPieces.ts';

describe('the head of a message in an mbox', () => {
  const record = { internaldate: 1_700_000_000, flags: '\\Seen', guid: 'ab'.repeat(20) };
  const facts = {
    textBytes: 900,
    lineEnds: new LineEnds(),
    isEnded: true,
    isHeadEnded: true,
    isTight: false,
  };

  it('takes all the room that the text leaves, whatever the flags and the date', () => {
    const bytesOf = mboxBytes();
    const dates = [
      0,
      1_700_000_000,
      -1,
      -40_000_000_000,
      253_402_300_799,
      253_402_300_800,
      2 ** 62,
      -(2 ** 62),
    ];
    const flags = ['', '\\Seen', '\\Seen \\Answered', '\\Flagged $Work', '\\Draft \\Deleted $Forwarded'];
    for (const internaldate of [...dates, ...dates]) {
      for (const each of flags) {
        const size = bytesOf({ flags: each, size: 1000 });
        const head = new MboxHead({ ...record, internaldate, flags: each }, facts, size);
        const text = head.bytes(0, head.sizeBytes).toString('latin1');
        expect(text.length + facts.textBytes + 1, `${each} ${internaldate}`).to.equal(size);
        expect(text).to.match(
          /^From MAILER-DAEMON [A-Z][a-z]{2} [A-Z][a-z]{2} [ 123][0-9] [0-9:]{8} [0-9]{4}\nStatus: /,
        );
      }
    }
  });

  it('is a header at any length: no line of it is empty, or blank, and its parts are those of the whole', () => {
    for (let more = 0; more < 400; more += 1) {
      const head = new MboxHead(record, facts, mboxBytes()({ flags: '\\Seen', size: 900 }) + more);
      const whole = head.bytes(0, head.sizeBytes).toString('latin1');
      expect(whole.endsWith('\n'), `${more}`).to.equal(true);
      const lines = whole.slice(0, -1).split('\n');
      for (const line of lines.slice(1)) expect(line, `${more}`).to.match(/^(?:[A-Z][\w-]*: \S.*| \S+)$/);
      for (let at = 0; at < whole.length; at += 61) {
        expect(head.bytes(at, Math.min(at + 61, whole.length)).toString('latin1'), `${more}`).to.equal(
          whole.slice(at, at + 61),
        );
      }
    }
  });

  it('leaves out flags that have no room since there are more of them', () => {
    const size = mboxBytes()({ flags: '', size: 900 });
    const flags = Array.from({ length: 50 }, (_, at) => `keyword-number-${at}`).join(' ');
    const head = new MboxHead({ ...record, flags }, facts, size);
    const text = head.bytes(0, head.sizeBytes).toString('latin1');
    expect(text.length + facts.textBytes + 1).to.equal(size);
    expect(text).to.contain(`X-Cyrus-GUID: ${record.guid}\nX-Cyrus-Mbox: lines=crlf`);
  });
});
