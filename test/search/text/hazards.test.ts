/** Mail that breaks parsers: what can be read is found, in bounded time, and nothing throws. */
import { expect } from 'chai';
import fc from 'fast-check';
import { messageText } from '../../../src/search/text/messageText.ts';
import type { Field, MessageText } from '../../../src/search/text/messageText.ts';
import { wordsOf } from '../../../src/search/text/fold.ts';

const mail = (...lines: string[]): Buffer => Buffer.from(lines.join('\r\n'), 'latin1');

function words(text: MessageText, field: Field): string {
  return text.fields[field].flatMap(wordsOf).join(' ');
}

describe('hazards of mail', () => {
  it('an encoded word split in the middle of a character is one word', () => {
    const text = messageText(mail('Subject: =?utf-8?B?Y2Fmww==?=', ' =?utf-8?B?qQ==?= tail', '', ''));
    expect(words(text, 'subject')).to.equal('cafe tail');
  });

  it('a byte that looks like a blank in latin1 stays part of its character', () => {
    const text = messageText(mail('Subject: \xc3\xa0', '', ''));
    expect(words(text, 'subject')).to.equal('a');
  });

  it('RFC 2231 sections out of order, and one that is missing, cost no more than the rest of the name', () => {
    const text = messageText(
      mail("Content-Type: a/b; name*1*=%74wo; name*0*=utf-8''one-; name*3=lost", '', 'x'),
    );
    expect(words(text, 'filename')).to.equal('one two');
  });

  it('an unknown charset is read as UTF-8, else as windows-1252', () => {
    const text = messageText(mail('Content-Type: text/plain; charset=x-none', '', 'caf\xe9 \xfcber'));
    expect(words(text, 'body')).to.equal('cafe uber');
  });

  it('cp850, which no decoder here knows, is not read as the Cyrillic of cp866', () => {
    const text = messageText(mail('Content-Type: text/plain; charset=cp-850', '', '\x80a'));
    expect(words(text, 'body')).to.not.match(/\p{sc=Cyrl}/u);
  });

  it('UTF-7 is decoded', () => {
    const text = messageText(mail('Content-Type: text/plain; charset=utf-7', '', 'caf+AOk- +-1'));
    expect(words(text, 'body')).to.equal('cafe 1');
  });

  it('a boundary that is a prefix of another does not end it', () => {
    const text = messageText(
      mail(
        'Content-Type: multipart/mixed; boundary=a',
        '',
        '--a',
        'Content-Type: multipart/mixed; boundary=ab',
        '',
        '--ab',
        '',
        'inner',
        '--ab--',
        '--a',
        '',
        'outer',
        '--a--',
        'after',
      ),
    );
    expect(words(text, 'body')).to.equal('inner outer');
  });

  it('a multipart without an end, or without any part, is read as far as it goes', () => {
    const head = 'Content-Type: multipart/mixed; boundary=b';
    expect(words(messageText(mail(head, '', '--b', '', 'text goes on')), 'body')).to.equal('text goes on');
    expect(words(messageText(mail(head, '', 'only a preamble')), 'body')).to.equal('');
  });

  it('a message without a header end, with bare CR or NUL, is read', () => {
    expect(words(messageText(mail('Subject: alone')), 'subject')).to.equal('alone');
    expect(words(messageText(mail('Subject: nul\0byte', '', 'a\0b')), 'body')).to.equal('a b');
  });

  it('scripts, styles and comments of HTML are no text, and tags within a word do not part it', () => {
    const html = '<style>no1</style><p>wo<b>rd</b></p><!-- no2 --><script>no3</script>next<br>line&eacute;';
    const text = messageText(mail('Content-Type: text/html', '', html));
    expect(words(text, 'body')).to.equal('word next linee');
  });

  it('the headers of a forwarded message are text of the one that forwards it', () => {
    const text = messageText(
      mail(
        'Subject: outer',
        'Content-Type: message/rfc822',
        '',
        'Subject: inner',
        'From: carl@x',
        '',
        'deep',
      ),
    );
    expect(words(text, 'subject')).to.equal('outer');
    expect(words(text, 'body')).to.equal('inner carl x deep');
  });

  it('a tail of blanks in a long header line takes linear time', () => {
    const text = messageText(mail(`Subject: ${' '.repeat(1_000_000)}x${' '.repeat(1_000_000)}.`, '', ''));
    expect(words(text, 'subject')).to.equal('x');
  });

  it('ten thousand parts are read, more are cut and said to be', () => {
    const parts = (count: number): Buffer =>
      mail(
        'Content-Type: multipart/mixed; boundary=p',
        '',
        ...Array.from({ length: count }, () => '--p\r\n\r\nw'),
      );
    expect(messageText(parts(9_000)).isCut).to.equal(false);
    const text = messageText(parts(20_000));
    expect(text.isCut).to.equal(true);
    expect(words(text, 'body').length).to.be.greaterThan(10_000);
  });

  it('multiparts nested a thousand deep are cut, and what stands above is found', () => {
    const lines = Array.from({ length: 1000 }, (_, depth) => [
      `Content-Type: multipart/mixed; boundary=d${depth}`,
      '',
      `--d${depth}`,
    ]).flat();
    const text = messageText(mail('Subject: top', ...lines, '', 'bottom'));
    expect(text.isCut).to.equal(true);
    expect(words(text, 'subject')).to.equal('top');
  });

  it('a line of 20 million characters is cut at the limit', () => {
    const text = messageText(Buffer.concat([mail('Subject: long', '', ''), Buffer.alloc(20 << 20, 'a ')]));
    expect(text.isCut).to.equal(true);
    expect(words(text, 'subject')).to.equal('long');
  });

  it('any bytes at all give a text', () => {
    const grammar = [
      'Content-Type: ',
      'multipart/mixed; boundary=',
      'x',
      '--x',
      '\r\n',
      '\r\n\r\n',
      '=?utf-8?B?',
      '?=',
      '=',
      '%',
      '"',
      ';',
      '*0*=',
      'message/rfc822',
      'Content-Transfer-Encoding: ',
      'base64',
      'quoted-printable',
      '<b',
      '&#',
      '\0',
    ];
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constantFrom(...grammar), fc.string()), { maxLength: 60 }),
        (pieces) => {
          messageText(Buffer.from(pieces.join(''), 'latin1'));
        },
      ),
      { numRuns: 2000 },
    );
  });
});
