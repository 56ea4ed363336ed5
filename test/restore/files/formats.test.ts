/** Flags and bytes as each format of files writes them. */
import { expect } from 'chai';
import { keywordLetter, splitFlags } from '../../../src/mailbox/maildirText.ts';
import { mboxMessage } from '../../../src/restore/files/mbox.ts';
import type { SourceRecord } from '../../../src/restore/source.ts';

const record = {
  guid: 'a'.repeat(40),
  uid: 7,
  internaldate: Date.UTC(2024, 2, 5, 9, 8, 7) / 1000,
} as SourceRecord;

function inMbox(text: string, ...flags: string[]): string {
  return mboxMessage({ record, flags, bytes: Buffer.from(text, 'latin1') }).toString('latin1');
}

describe('flags in files', () => {
  it('system flags are letters in order, keywords letters of their own', () => {
    const { letters, keywords } = splitFlags([
      '\\Seen',
      'NonJunk',
      '\\answered',
      '$Forwarded',
      '\\Draft',
      '\\Custom',
    ]);
    expect(letters).to.equal('DPRS');
    expect(keywords).to.deep.equal(['NonJunk']);
    const table = ['Old'];
    expect([keywordLetter(table, 'NonJunk'), keywordLetter(table, 'Old')]).to.deep.equal(['b', 'a']);
    for (let index = 0; index < 30; index += 1) keywordLetter(table, `k${index}`);
    expect(table).to.have.lengthOf(26);
    expect(keywordLetter(table, 'one too many')).to.equal(undefined);
  });
});

describe('a message in an mbox', () => {
  it('has its date in the From line, flags behind its header, and From lines quoted', () => {
    const text = inMbox(
      'Subject: x\r\n\r\nFrom here\r\n>From there\r\nnot From\r\n',
      '\\Seen',
      '\\Flagged',
      '\\Deleted',
      'Work',
    );
    expect(text).to.equal(
      'From MAILER-DAEMON Tue Mar  5 09:08:07 2024\n' +
        'Subject: x\nStatus: RO\nX-Status: FD\nX-Keywords: Work\n' +
        `X-Cyrus-GUID: ${record.guid}\n\n>From here\n>>From there\nnot From\n\n`,
    );
  });

  it('has its own notes quoted where readers would take them for ours, and nothing after a bare CR', () => {
    const text = inMbox(
      'Status: O\r\nx-keywords: No\r\nLines: 3\r\n\r\nStatus: x\r\na\rFrom b\r\n',
      '\\Seen',
    );
    expect(text.slice(text.indexOf('\n') + 1)).to.equal(
      '>Status: O\n>x-keywords: No\nLines: 3\n' +
        `Status: RO\nX-Cyrus-GUID: ${record.guid}\n\nStatus: x\na\rFrom b\n\n`,
    );
  });

  it('ends with an empty line, whether or not its last line has an end', () => {
    expect(inMbox('Subject: x\r\n\r\nlast')).to.match(/\n\nlast\n\n$/);
    expect(inMbox('Subject: x\r\n\r\nlast\r\n')).to.match(/\n\nlast\n\n$/);
  });

  it('may have no header, and may have no body', () => {
    expect(inMbox('\r\nbody\r\n')).to.match(/^From .*\nStatus: O\nX-Cyrus-GUID: a+\n\nbody\n\n$/);
    expect(inMbox('Subject: x')).to.match(/^From .*\nSubject: x\nStatus: O\nX-Cyrus-GUID: a+\n\n$/);
  });
});
