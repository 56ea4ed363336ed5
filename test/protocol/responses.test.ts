import { expect } from 'chai';
import { BackupError } from '../../src/errors.ts';
import { banner, extraArguments, missingArgument, refusal, untagged } from '../../src/protocol/responses.ts';

describe('responses', () => {
  it('greet as the original does', () => {
    const about = {
      serverName: 'lab.local',
      version: '3.6.1',
      mechanisms: ['PLAIN', 'LOGIN'],
      startTls: true,
      compress: true,
    };
    expect(banner(about)).to.equal(
      '* SASL PLAIN LOGIN\r\n* STARTTLS\r\n* COMPRESS DEFLATE\r\n* OK lab.local Cyrus backup server 3.6.1\r\n',
    );
    expect(banner({ ...about, mechanisms: [], startTls: false, compress: false })).to.equal(
      '* OK lab.local Cyrus backup server 3.6.1\r\n',
    );
  });

  it('print literals without a plus: Debian’s client takes no other', () => {
    expect(untagged('SIEVE', 'a"b')).to.equal('* SIEVE {3}\r\na"b\r\n');
  });

  it('put a space behind the word that clients match', () => {
    expect(refusal(new BackupError('locked', 'anne'))).to.match(/^NO IMAP_MAILBOX_LOCKED .*\r\n$/);
    expect(refusal(new TypeError('bug'))).to.match(/^NO IMAP_IOERROR .*\r\n$/);
  });

  it('spell commands as the original does', () => {
    expect(missingArgument('GET')).to.equal('BAD Missing required argument to Get\r\n');
    expect(extraArguments('APPLY')).to.equal('BAD Unexpected extra arguments to Apply\r\n');
  });
});
