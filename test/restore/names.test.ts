/** Where things go and what they are called there: pure functions of names. */
import { expect } from 'chai';
import { BackupError } from '../../src/errors.ts';
import { parseAddress } from '../../src/restore/connection/address.ts';
import { userPath } from '../../src/restore/files/userFolder.ts';
import { folderLevels } from '../../src/restore/folderLevels.ts';
import { headerField } from '../../src/restore/select/headerField.ts';
import { parseUids } from '../../src/restore/select/messageFilter.ts';
import { intoLevels, targetName } from '../../src/restore/select/targetName.ts';
import { ownerOfListed } from '../../src/restore/connection/xbackup.ts';

describe('addresses of servers', () => {
  const plain = { isImplicitTls: false, user: undefined };
  const cases: [string, object][] = [
    ['mail.example.com', { ...plain, host: 'mail.example.com', ports: [143, 2005] }],
    ['mail.example.com:14006', { ...plain, host: 'mail.example.com', ports: [14006] }],
    ['mail.example.com:csync', { ...plain, host: 'mail.example.com', ports: [2005] }],
    ['[::1]:143', { ...plain, host: '::1', ports: [143] }],
    ['csync://mail.example.com', { ...plain, host: 'mail.example.com', ports: [2005] }],
    [
      'imap://anne%40example.com@mail',
      { host: 'mail', ports: [143], isImplicitTls: false, user: 'anne@example.com' },
    ],
    ['imaps://mail/', { ...plain, host: 'mail', ports: [993], isImplicitTls: true }],
    ['mail:993', { ...plain, host: 'mail', ports: [993], isImplicitTls: true }],
  ];
  for (const [text, address] of cases) {
    it(text, () => expect(parseAddress(text)).to.deep.equal(address));
  }
  for (const text of ['', 'a b:x', 'mail:0', 'mail:99999', 'http://mail', 'mail:nowhere']) {
    it(`${JSON.stringify(text)} is none`, () =>
      expect(() => parseAddress(text)).to.throw(BackupError, /not a server/));
  }
});

describe('where a mailbox goes', () => {
  const options = { mailbox: undefined, into: [], keepsDeleted: false, deletedPrefix: 'DELETED' };

  it('under its own name, without the deleted prefix but where that is kept', () => {
    expect(targetName('user.anne.Work', options)).to.equal('user.anne.Work');
    expect(targetName('DELETED.user.anne.Work.6921F0A2', options)).to.equal('user.anne.Work');
    const kept = targetName('DELETED.user.anne.Work.6921F0A2', { ...options, keepsDeleted: true });
    expect(kept).to.equal('DELETED.user.anne.Work.6921F0A2');
  });

  it('into a folder apart, an INBOX as a folder of that name, dots in levels kept apart', () => {
    const into = intoLevels('Restored/{date}', new Date(2026, 10, 3));
    expect(into).to.deep.equal(['Restored', '2026-11-03']);
    expect(targetName('user.anne', { ...options, into })).to.equal('user.anne.Restored.2026-11-03.INBOX');
    expect(targetName('example.com!user.anne.v1^2', { ...options, into: ['a.b'] })).to.equal(
      'example.com!user.anne.a^b.v1^2',
    );
    expect(targetName('shared.news', { ...options, into })).to.equal('Restored.2026-11-03.shared.news');
  });

  it('levels for others are in Unicode, and a deleted mailbox is told from its namesake', () => {
    expect(folderLevels('user.anne', 'DELETED')).to.deep.equal(['INBOX']);
    expect(folderLevels('user.anne.Entw&APw-rfe.v1^2', 'DELETED')).to.deep.equal(['Entwürfe', 'v1.2']);
    expect(folderLevels('DELETED.user.anne.Work.6921F0A2', 'DELETED')).to.deep.equal([
      'Work',
      'deleted-6921F0A2',
    ]);
    expect(folderLevels('shared.news', 'DELETED')).to.deep.equal(['shared', 'news']);
  });

  it('a user has a folder below the root, or where the root says {user}', () => {
    expect(userPath('/mail', 'anne')).to.equal('/mail/anne');
    expect(userPath('/mail/{user}/Maildir', 'anne')).to.equal('/mail/anne/Maildir');
    expect(userPath('/mail', '%SHARED')).to.equal('/mail/%SHARED');
  });
});

describe('finding messages', () => {
  it('a header field is unfolded, decoded, and ends with the header', () => {
    const head = Buffer.from(
      'From: =?utf-8?Q?J=C3=BCrgen_?=\r\n =?iso-8859-1?B?TfxsbGVy?= <j@example.com>\r\nSubject: Gr\xfc\xdfe\r\n\r\nsubject: no',
      'latin1',
    );
    expect(headerField(head, 'from')).to.equal('Jürgen Müller <j@example.com>');
    expect(headerField(head, 'subject')).to.equal('Grüße');
    expect(headerField(head, 'to')).to.equal('');
    expect(headerField(Buffer.from('Subject: =?nonsense?Q?x?= y'), 'subject')).to.equal('=?nonsense?Q?x?= y');
  });

  it('UIDs are numbers and ranges', () => {
    expect([...parseUids('1, 5:7')]).to.deep.equal([1, 5, 6, 7]);
    for (const text of ['', 'x', '7:5', '1:*', '1:9999999999']) {
      expect(() => parseUids(text), text).to.throw(BackupError, /no UID/);
    }
  });
});

describe('whom a server lists', () => {
  it('a name stands for its user, or for itself', () => {
    expect(ownerOfListed('user/anne.b/Work@example.com', '/')).to.deep.equal([
      'user/anne.b@example.com',
      'anne.b@example.com',
    ]);
    expect(ownerOfListed('user.anne^b.Work', '.')).to.deep.equal(['user.anne^b', 'anne.b']);
    expect(ownerOfListed('shared/news', '/')).to.deep.equal(['shared/news', '%SHARED']);
    expect(ownerOfListed('user', '/')).to.deep.equal(['user', '%SHARED']);
  });
});
