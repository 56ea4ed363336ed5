/** IMAP servers that refuse a keyword, break the connection, fall silent, or take a folder's name differently. */
import { expect } from 'chai';
import { failuresOf, backupOf, notesOf, restoreTo, sum } from '../../support/toStrictImap.ts';
import type { Mailboxes } from '../../support/toStrictImap.ts';
import { guidOf } from '../../support/backups.ts';
import type { BackupSite } from '../../support/backups.ts';
import { StrictImap } from '../../support/strictImap.ts';
import type { Faults } from '../../support/strictImap.ts';

const mail = (body: string): string => `From: a@example.com\r\n\r\n${body}\r\n`;

let site: BackupSite;
let server: StrictImap;

async function setUp(mailboxes: Mailboxes, faults: Faults = {}): Promise<void> {
  site = await backupOf(mailboxes);
  server = await StrictImap.start(faults);
}

afterEach(async () => {
  await server?.stop();
  await site?.remove();
});

const flagsIn = (path: string): string[][] =>
  (server.folders.get(path) ?? []).map(({ flags }) => flags.toSorted());

describe('an IMAP server that refuses keywords', () => {
  const long = 'x'.repeat(60);
  const refusesKeyword = (keyword: string): string | undefined =>
    keyword.length > 50 ? 'BAD Keyword length too long' : undefined;

  it('gets each message with all the others, and each keyword that was left off is named with its UIDs', async () => {
    const messages = [
      { text: mail('one'), flags: `\\Seen ${long} $Kept` },
      { text: mail('two'), flags: '\\Flagged' },
      { text: mail('three'), flags: long },
    ];
    await setUp({ 'user.anne': messages }, { refusesKeyword });
    const user = await restoreTo(server, site);
    expect(sum(user, 'added')).to.equal(3);
    expect(flagsIn('INBOX')).to.deep.equal([['$Kept', '\\Seen'], ['\\Flagged'], []]);
    expect(failuresOf(user)).to.have.length(1);
    expect(failuresOf(user)[0]).to.match(/^flag x{60} left off \(UID 1,3\): .*BAD Keyword length too long$/);
  });

  it('known beforehand (PERMANENTFLAGS) sends none of them, in whatever case they are listed', async () => {
    const messages = [{ text: mail('one'), flags: '\\Seen $label other' }];
    await setUp({ 'user.anne': messages }, { keywords: ' $Label', refusesKeyword: () => undefined });
    const user = await restoreTo(server, site);
    expect(flagsIn('INBOX')).to.deep.equal([['$Label', '\\Seen']]);
    expect(failuresOf(user)).to.deep.equal([
      'flag other left off (UID 1): the server does not keep it (PERMANENTFLAGS)',
    ]);
    expect(server.commands.filter((line) => line.includes('APPEND'))).to.have.length(1);
  });

  it('a keyword that no IMAP command can carry, and a system flag of others, are named', async () => {
    await setUp({ 'user.anne': [{ text: mail('one'), flags: 'a]b \\Odd \\Draft' }] });
    const user = await restoreTo(server, site);
    expect(flagsIn('INBOX')).to.deep.equal([['\\Draft']]);
    expect(failuresOf(user)).to.deep.equal([
      'flag a]b left off (UID 1): IMAP cannot carry this keyword',
      'flag \\Odd left off (UID 1): the server has no such system flag',
    ]);
  });

  it('answered OK and not kept are found out, and named', async () => {
    const forgetsKeyword = (keyword: string): boolean => keyword === '$Lost';
    const messages = [
      { text: mail('one'), flags: '\\Seen $Lost $Kept' },
      { text: mail('two'), flags: '$Lost' },
    ];
    await setUp({ 'user.anne': messages }, { forgetsKeyword });
    expect(failuresOf(await restoreTo(server, site))).to.deep.equal([
      'flag $Lost left off (UID 1:2): the server took it and did not keep it',
    ]);
  });

  it('with --existing replace sets the flags that it takes on messages that are there', async () => {
    await setUp({ 'user.anne': [{ text: mail('one'), flags: `\\Seen ${long} $Kept` }] }, { refusesKeyword });
    server.put('INBOX', mail('one'), ['\\Flagged']);
    const user = await restoreTo(server, site, { existing: 'replace' });
    expect(flagsIn('INBOX')).to.deep.equal([['$Kept', '\\Seen']]);
    expect(sum(user, 'changed')).to.equal(1);
    expect(failuresOf(user).join()).to.match(/flag x{60} left off \(UID 1\)/);
  });
});

describe('an IMAP server that breaks the connection', () => {
  const six = Array.from({ length: 6 }, (_, index) => mail(index === 2 ? 'POISON' : `m${index}`));

  it('at one message loses that one, which is named, and gets all the others', async () => {
    const dropsAt = (bytes: Buffer) => (bytes.includes('POISON') ? ('before' as const) : undefined);
    await setUp({ 'user.anne': six, 'user.anne.Later': [mail('later')] }, { dropsAt });
    const user = await restoreTo(server, site);
    expect(sum(user, 'added')).to.equal(6);
    expect(server.sha1s('INBOX')).to.deep.equal(six.filter((_, index) => index !== 2).map(guidOf));
    expect(server.sha1s('Later')).to.have.length(1);
    expect(failuresOf(user).join()).to.match(
      new RegExp(`^UID 3 \\(${guidOf(six[2] ?? '')}\\): given up after 3 attempts: .*the connection broke`),
    );
  });

  it('after it has stored the message has it once', async () => {
    const dropsAt = (bytes: Buffer) => (bytes.includes('POISON') ? ('after' as const) : undefined);
    await setUp({ 'user.anne': six }, { dropsAt });
    const user = await restoreTo(server, site);
    expect([sum(user, 'added'), failuresOf(user)]).to.deep.equal([6, []]);
    expect(server.sha1s('INBOX')).to.deep.equal(six.map(guidOf));
  });

  it('after every second message gets all of them', async () => {
    await setUp({ 'user.anne': six }, { appendsAConnection: 2 });
    const user = await restoreTo(server, site);
    expect([sum(user, 'added'), failuresOf(user)]).to.deep.equal([6, []]);
    expect(server.sha1s('INBOX')).to.deep.equal(six.map(guidOf));
  });

  it('at every message costs the folder, not for ever, and the next folder is restored', async () => {
    const many = Array.from({ length: 30 }, (_, index) => mail(`POISON ${index}`));
    const dropsAt = (bytes: Buffer) => (bytes.includes('POISON') ? ('before' as const) : undefined);
    await setUp({ 'user.anne': many, 'user.anne.Later': [mail('later')] }, { dropsAt });
    const user = await restoreTo(server, site);
    expect(failuresOf(user).join('\n')).to.match(
      /UID 5 .*folder given up: 5 messages in a row broke .*\nUID 6:30: not sent after that/,
    );
    expect(server.sha1s('Later')).to.have.length(1);
    expect(server.connections).to.be.lessThan(20);
  });
});

describe('an IMAP server that is silent', () => {
  for (const [command, named] of [
    ['GREETING', /no greeting in 0\.2 s/],
    ['LOGIN', /no answer to the login in 0\.3 s \(--timeout\)/],
    ['LIST', /no (?:answer to|connection)/],
    ['SELECT', /no answer to SELECT INBOX in 0\.3 s \(--timeout\)/],
    ['FETCH', /no answer to FETCH in 0\.3 s \(--timeout\)/],
    ['APPEND', /no answer to APPEND to INBOX in 0\.3 s \(--timeout\)/],
  ] as const) {
    it(`at ${command} is given up, and the error says at what`, async () => {
      await setUp({ 'user.anne': [mail('one')] }, { silentAt: command });
      server.put('INBOX', mail('two'));
      const user = await restoreTo(server, site, { connectTimeoutMs: 200, silenceTimeoutMs: 300 });
      expect(failuresOf(user).join('\n')).to.match(named);
    });
  }
});

describe('the names of folders on an IMAP server', () => {
  it('that differ in case only are two where the server tells them apart', async () => {
    await setUp({ 'user.anne': [], 'user.anne.Archive': [mail('one')] });
    server.put('archive', mail('other'));
    const user = await restoreTo(server, site);
    expect(failuresOf(user)).to.deep.equal([]);
    expect([server.sha1s('Archive').length, server.sha1s('archive').length]).to.deep.equal([1, 1]);
  });

  it('where it does not, its own spelling is used, and told', async () => {
    await setUp({ 'user.anne': [], 'user.anne.Archive': [mail('one')] }, { isCaseBlind: true });
    server.put('archive', mail('other'));
    const user = await restoreTo(server, site);
    expect(server.sha1s('archive')).to.have.length(2);
    expect(notesOf(user)).to.deep.equal(['Archive goes to the folder archive: so it is on the server']);
    expect(sum(await restoreTo(server, site), 'skipped')).to.equal(1);
  });

  it('two of the backup that differ in case only are never merged into one', async () => {
    const mailboxes = { 'user.anne': [], 'user.anne.Work': [mail('one')], 'user.anne.work': [mail('two')] };
    await setUp(mailboxes, { isCaseBlind: true });
    const user = await restoreTo(server, site);
    expect([...server.folders.keys()]).to.deep.equal(['INBOX', 'Work', 'work_2']);
    expect(notesOf(user).join()).to.match(/^work goes to the folder work_2: /);
    expect(sum(await restoreTo(server, site), 'added')).to.equal(0);
    const alone = await restoreTo(server, site, {}, { objects: ['work'] });
    expect([sum(alone, 'added'), sum(alone, 'skipped')], 'restored by itself').to.deep.equal([0, 1]);
  });

  it('a folder called inbox is not the INBOX', async () => {
    await setUp({ 'user.anne': [mail('one')], 'user.anne.inbox': [mail('two')] });
    const user = await restoreTo(server, site);
    expect([server.sha1s('INBOX').length, server.sha1s('inbox_2').length]).to.deep.equal([1, 1]);
    expect(notesOf(user).join()).to.match(/^inbox goes to the folder inbox_2/);
  });

  it('with the server’s separator in a level do not meet a folder that is called so', async () => {
    const mailboxes = { 'user.anne': [], 'user.anne.a/b': [mail('one')], 'user.anne.a_b': [mail('two')] };
    await setUp(mailboxes);
    await restoreTo(server, site);
    expect([server.sha1s('a_b'), server.sha1s('a_b_2')]).to.deep.equal([
      [guidOf(mail('two'))],
      [guidOf(mail('one'))],
    ]);
  });

  for (const [what, faults] of [
    ['without levels', { delimiter: null }],
    [
      'that refuses it',
      { refusesFolder: (path: string) => (path.includes('/') ? 'NO no folders in this' : undefined) },
    ],
    ['with \\Noinferiors', { listFlags: (path: string) => (path === 'Archive' ? '\\Noinferiors' : '') }],
  ] as const) {
    it(`below another go to a flat name on a server ${what}, told, and never into one that is taken`, async () => {
      const mailboxes = {
        'user.anne': [],
        'user.anne.Archive': [mail('one')],
        'user.anne.Archive.2024': [mail('two')],
        'user.anne.Archive_2024': [mail('three')],
      };
      await setUp(mailboxes, faults);
      server.put('Archive', mail('zero'));
      const user = await restoreTo(server, site);
      expect(failuresOf(user)).to.deep.equal([]);
      const flat = [...server.folders.keys()].find((path) => path.endsWith('_2')) ?? '';
      expect([server.sha1s(flat), server.sha1s('Archive_2024')]).to.deep.equal([
        [guidOf(mail('two'))],
        [guidOf(mail('three'))],
      ]);
      expect(notesOf(user).join()).to.match(/^Archive\/2024 goes to the folder Archive_2024_2: /);
      expect(sum(await restoreTo(server, site), 'added'), 'a second run').to.equal(0);
    });
  }

  it('that the server refuses for want of space or rights are failures, not other names', async () => {
    await setUp(
      { 'user.anne': [], 'user.anne.New': [mail('one')] },
      { refusesFolder: () => 'NO [NOPERM] not you' },
    );
    const user = await restoreTo(server, site);
    expect([...server.folders.keys()]).to.deep.equal(['INBOX']);
    expect(failuresOf(user).join()).to.match(/CREATE New: NO not you/);
  });
});
