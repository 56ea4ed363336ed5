/** What counts as "there already" on an IMAP server: the same bytes, as often as the backup has them, and nothing less. */
import { expect } from 'chai';
import { failuresOf, backupOf, notesOf, restoreTo, sum } from '../../support/toStrictImap.ts';
import type { Mailboxes } from '../../support/toStrictImap.ts';
import { guidOf } from '../../support/backups.ts';
import type { BackupSite } from '../../support/backups.ts';
import { StrictImap } from '../../support/strictImap.ts';
import type { Faults } from '../../support/strictImap.ts';

const mail = (body: string, id = '<a@example.com>'): string =>
  `From: a@example.com\r\nMessage-ID: ${id}\r\n\r\n${body}\r\n`;

describe('what is there already on an IMAP server', () => {
  let site: BackupSite;
  let server: StrictImap;

  async function setUp(mailboxes: Mailboxes, faults: Faults = {}): Promise<void> {
    site = await backupOf(mailboxes);
    server = await StrictImap.start(faults);
  }

  afterEach(async () => {
    await server.stop();
    await site.remove();
  });

  it('another text under the same Message-ID is another message', async () => {
    await setUp({ 'user.anne': [mail('Dear Anne, all of the letter')] });
    server.put('INBOX', mail('Dear'));
    const user = await restoreTo(server, site);
    expect([sum(user, 'added'), sum(user, 'skipped')]).to.deep.equal([1, 0]);
    expect(server.sha1s('INBOX')).to.include(guidOf(mail('Dear Anne, all of the letter')));
  });

  it('another text of the same date and size is another message', async () => {
    await setUp({ 'user.anne': ['Subject: x\r\n\r\none\r\n'] });
    server.put('INBOX', 'Subject: x\r\n\r\ntwo\r\n', [], '14-Nov-2023 22:13:21 +0000');
    expect(sum(await restoreTo(server, site), 'added')).to.equal(1);
  });

  it('of two texts under one Message-ID the one that is missing comes, and the other is not doubled', async () => {
    await setUp({ 'user.anne': [mail('first'), mail('second text')] });
    server.put('INBOX', mail('second text'));
    await restoreTo(server, site);
    expect(server.sha1s('INBOX').toSorted()).to.deep.equal(
      [guidOf(mail('first')), guidOf(mail('second text'))].toSorted(),
    );
  });

  it('two identical copies in the backup are two on the server, and stay two', async () => {
    await setUp({ 'user.anne': [mail('copy'), mail('copy')] });
    server.put('INBOX', mail('copy'));
    const first = await restoreTo(server, site);
    const second = await restoreTo(server, site);
    expect([first, second].map((user) => [sum(user, 'added'), sum(user, 'skipped')])).to.deep.equal([
      [1, 1],
      [0, 2],
    ]);
    expect(server.sha1s('INBOX')).to.have.length(2);
  });

  it('odd Message-IDs add nothing at a second run', async () => {
    const ids = [
      '<caf\xe9@example.com>',
      '=?utf-8?q?=3Cenc=40example.com=3E?=',
      '<1@example.com>\r\nMessage-ID: <2@example.com>',
      '',
    ];
    await setUp({ 'user.anne': ids.map((id, index) => mail(`m${index}`, id)) });
    await restoreTo(server, site);
    const again = await restoreTo(server, site);
    expect([sum(again, 'added'), sum(again, 'skipped')]).to.deep.equal([0, 4]);
  });

  it('a message that the server stores altered is not doubled, and that is told', async () => {
    const texts = [
      'Subject: bare\n\nline\nline\n',
      'Subject: no end\r\n\r\nend',
      'Subject: NUL\r\n\r\na\0b\r\n',
    ];
    const stored = (bytes: Buffer): Buffer =>
      Buffer.from(
        `${bytes.toString('latin1').replaceAll(/\r?\n/g, '\r\n').replaceAll('\0', '\x80')}\r\n`,
        'latin1',
      );
    await setUp({ 'user.anne': texts }, { stored });
    await restoreTo(server, site);
    const again = await restoreTo(server, site);
    expect([sum(again, 'added'), sum(again, 'skipped')]).to.deep.equal([0, 3]);
    expect(notesOf(again)).to.deep.equal([
      '3 there already as the server stores them (other line ends or NULs)',
    ]);
  });

  it('and where the server ignores the date as well, it is found by its Message-ID', async () => {
    const stored = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.from('\r\n')]);
    await setUp({ 'user.anne': [mail('text')] }, { stored, ignoresDate: true });
    await restoreTo(server, site);
    expect(sum(await restoreTo(server, site), 'added')).to.equal(0);
  });

  it('a server that reports wrong sizes is seen through', async () => {
    await setUp({ 'user.anne': [mail('one'), mail('two')] }, { reportedSize: (bytes) => bytes.length + 17 });
    await restoreTo(server, site);
    const again = await restoreTo(server, site);
    expect([sum(again, 'added'), sum(again, 'skipped'), notesOf(again)]).to.deep.equal([0, 2, []]);
  });

  it('only bodies that could be the same are fetched', async () => {
    await setUp({ 'user.anne': [mail('the only one of its size, which is large')] });
    for (let count = 0; count < 250; count += 1)
      server.put('INBOX', mail(`m${count}`, `<${count}@example.com>`));
    await restoreTo(server, site);
    expect(server.fetchedBodies).to.equal(0);
    await restoreTo(server, site);
    expect(server.fetchedBodies).to.equal(1);
  });

  it('a message that the server lists but does not give out is neither doubled nor taken for ours: it is named', async () => {
    await setUp({ 'user.anne': [mail('one'), mail('two'), mail('six')] }, { unreadable: new Set([2]) });
    await restoreTo(server, site);
    const again = await restoreTo(server, site);
    expect([sum(again, 'added'), sum(again, 'skipped')]).to.deep.equal([0, 2]);
    expect(failuresOf(again).join()).to.match(
      /^UID 2 \(\w+\): the server lists a message of this size and date/,
    );
    const copied = await restoreTo(server, site, { existing: 'copy' }, { objects: [guidOf(mail('two'))] });
    expect(sum(copied, 'added')).to.equal(1);
  });

  it('a plan counts the same and sends nothing', async () => {
    await setUp({ 'user.anne': [mail('one'), mail('two')], 'user.anne.New': [mail('three')] });
    server.put('INBOX', mail('two'));
    const plan = await restoreTo(server, site, { isPlan: true });
    expect([sum(plan, 'added'), sum(plan, 'skipped')]).to.deep.equal([2, 1]);
    expect(server.commands.filter((line) => /APPEND|CREATE|STORE|SELECT/.test(line))).to.deep.equal([]);
  });
});
