/** Restores into files, read by other people's programs: names, keywords, dates, copies; and what a format cannot hold. */
import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { needs } from '../support/needs.ts';
import { FileRestore, filesIn, mail, mails, mboxMessages, messagesIn, sha1 } from '../support/fileRestore.ts';
import type { MailboxMade } from '../support/fileRestore.ts';

const LONG = 'Project number NN with a long name that says all about it and then some';

const output = (command: string, ...args: string[]): string =>
  execFileSync(command, args, {
    encoding: 'latin1',
    env: { ...process.env, LC_ALL: 'C.UTF-8', HOME: '/nonexistent' },
  });

describe('a restore into files', function () {
  this.timeout(60_000);
  let made: FileRestore | undefined;

  afterEach(async () => {
    await made?.remove();
    made = undefined;
  });

  async function create(...args: Parameters<typeof FileRestore.create>): Promise<FileRestore> {
    made = await FileRestore.create(...args);
    return made;
  }

  /** All messages of all mailboxes. */
  const all = (mailboxes: readonly MailboxMade[]): string[] =>
    mailboxes.flatMap(({ records = [] }) => records.map(({ message }) => sha1(message))).toSorted();

  /** Restores into each format; the messages that come back out of each. */
  async function everywhere(site: FileRestore, ...args: string[]): Promise<Record<string, string[]>> {
    const found: Record<string, string[]> = {};
    for (const to of ['maildir:maildir', 'mbox:mbox', 'tar:x.tar', 'zip:x.zip']) {
      const [format = '', name = ''] = to.split(':');
      const { code, stdout, stderr } = await site.run(`${format}:${site.path(name)}`, ...args);
      expect(code, stdout + stderr).to.equal(0);
      expect(stdout).to.contain('0 failed');
    }
    for (const name of ['gnu', 'bsd', 'python', 'zip', 'bsdzip']) mkdirSync(site.path(name));
    output('tar', '-xf', site.path('x.tar'), '-C', site.path('gnu'));
    output('bsdtar', '-xf', site.path('x.tar'), '-C', site.path('bsd'));
    output('python3', '-m', 'tarfile', '-e', site.path('x.tar'), site.path('python'));
    output('unzip', '-q', site.path('x.zip'), '-d', site.path('zip'));
    output('python3', '-m', 'zipfile', '-e', site.path('x.zip'), site.path('bsdzip'));
    for (const name of ['maildir', 'gnu', 'bsd', 'python', 'zip', 'bsdzip'])
      found[name] = messagesIn(site.path(name));
    found['mbox'] = mboxMessages(site.path('mbox'));
    return found;
  }

  it('six nested long names fit, and tar can be unpacked', async function () {
    needs(this, 'the package libarchive-tools', 'the package unzip');
    let name = 'user.anne';
    const mailboxes = Array.from({ length: 6 }, (_, index): MailboxMade => {
      name += `.${LONG.replace('NN', String(index))}`;
      return { name, records: mails(2, 200, 1, `level ${index}`) };
    });
    const site = await create(mailboxes);
    for (const [format, messages] of Object.entries(await everywhere(site))) {
      expect(messages, format).to.deep.equal(all(mailboxes));
    }
    const names = filesIn(site.path('maildir')).flatMap((path) => path.split('/'));
    expect(Math.max(...names.map((each) => Buffer.byteLength(each)))).to.be.at.most(255);
    const markers = filesIn(site.path('gnu')).filter((path) => path.endsWith('cyrus-backups-mailbox'));
    const kept = markers.map(
      (path) => (JSON.parse(readFileSync(path, 'utf8')) as { mailbox: string }).mailbox,
    );
    expect(kept.toSorted()).to.deep.equal(mailboxes.map((each) => each.name).toSorted());
  });

  it('names that differ only in what a format cannot say stay two folders', async function () {
    needs(this, 'the package libarchive-tools', 'the package unzip');
    const shared = mail('in both');
    const names = [
      'user.anne',
      'user.anne.INBOX',
      'user.anne.inbox',
      'user.anne.a^b',
      'user.anne.a_b',
      'user.anne.a%2Eb',
      'user.anne.sieve',
      'user.anne.subscriptions',
      'user.anne.Work',
      'user.anne.Work^sbd',
      'user.anne.Work.messages^json',
      'user.anne.a:b',
      'user.anne.a\\b',
      'user.anne.&AOQ-',
      'user.anne.\u00c3\u00a4',
    ];
    const mailboxes = names.map((name, index): MailboxMade => ({
      name: name.replaceAll('\\', '\\\\'),
      records: [{ uid: 1, message: shared }, ...mails(1, 200, 2, `only in ${index}`)],
    }));
    const site = await create(mailboxes);
    for (const [format, messages] of Object.entries(await everywhere(site))) {
      expect(messages, format).to.deep.equal(all(mailboxes));
    }
    const folders = filesIn(site.path('maildir')).filter((path) => path.endsWith('cyrus-backups-mailbox'));
    expect(folders).to.have.lengthOf(names.length);
    const again = await site.run(`maildir:${site.path('maildir')}`);
    expect(again.stdout)
      .to.contain(' 0 messages added')
      .and.to.contain(` ${2 * names.length} skipped`);
  });

  it('a folder that holds another mailbox is not taken for this one', async () => {
    const site = await create([
      { name: 'user.anne.Archive', records: mails(2, 200, 1, 'upper') },
      { name: 'user.anne.archive', records: mails(3, 200, 1, 'lower') },
    ]);
    // As a file system without case has it.
    mkdirSync(join(site.path('md'), 'anne', '.Archive'), { recursive: true });
    symlinkSync('.Archive', join(site.path('md'), 'anne', '.archive'));
    for (const turn of [1, 2]) {
      const { code, stdout, stderr } = await site.run(`maildir:${site.path('md')}`);
      expect(code, stderr).to.equal(0);
      expect(stderr).to.match(
        /user\.anne\.archive: .*in \.archive%~[0-9a-f]{16}: \.archive holds another mailbox/,
      );
      expect(stdout).to.contain(turn === 1 ? '5 messages added' : ' 0 messages added');
    }
    const plan = await site.run(`tar:${site.path('x.tar')}`);
    expect(plan.stderr).to.match(/archive differs from \.Archive only in case/);
    const marker = join(site.path('md'), 'anne', 'cyrus-backups-user');
    writeFileSync(marker, 'bethany\n');
    const other = await site.run(`maildir:${site.path('md')}`);
    expect([other.code, other.stderr]).to.deep.include(74);
    expect(other.stderr).to.match(/is the folder of "bethany": nothing was restored there/);
  });

  it('keywords beyond 26, annotations and unknown flags are named, and the messages come', async function () {
    needs(this, 'the package unzip');
    const keywords = Array.from({ length: 30 }, (_, index) => `keyword${index}`);
    const extra = 'ANNOTATIONS (%(ENTRY /comment USERID anne VALUE important))';
    const records = [
      ...keywords.map((flags, index) => ({ uid: index + 1, flags, message: mail(`message ${index}`) })),
      { uid: 31, flags: '\\Seen \\Odd', message: mail('odd') },
      { uid: 32, extra, message: mail('annotated') },
    ];
    const site = await create([{ name: 'user.anne', records }]);
    for (const format of ['maildir', 'mbox', 'tar', 'zip']) {
      const { code, stdout, stderr } = await site.run(`${format}:${site.path(`to-${format}`)}`);
      expect(stdout, format).to.contain('32 messages added');
      const lost = [...stderr.matchAll(/user\.anne: (\S+ \S+) left off \(UID (\d+)\): /g)].map(
        ([, what, uid]) => `${uid} ${what}`,
      );
      const beyond = [26, 27, 28, 29].map((index) => `${index + 1} flag keyword${index}`);
      const odd = '31 flag \\Odd';
      const comment = '32 annotation /comment';
      if (format === 'zip') expect(lost).to.deep.equal([]);
      else if (format === 'mbox') expect(lost).to.deep.equal([odd, comment]);
      else expect(lost).to.deep.equal([...beyond, odd, comment]);
      expect(code, stderr).to.equal(format === 'zip' ? 0 : 75);
    }
    const inbox = readFileSync(join(site.path('to-mbox'), 'anne', 'INBOX'), 'latin1');
    expect(inbox.match(/^X-Keywords: .*$/gm)).to.deep.equal(
      keywords.map((keyword) => `X-Keywords: ${keyword}`),
    );
    mkdirSync(site.path('zip'));
    output('unzip', '-q', site.path('to-zip'), '-d', site.path('zip'));
    const messages = readFileSync(site.path('zip/anne/INBOX/messages.json'), 'utf8');
    expect(messages).to.contain('keyword29').and.to.contain('\\\\Odd').and.to.contain('important');
    const table = readFileSync(join(site.path('to-maildir'), 'anne', 'dovecot-keywords'), 'utf8');
    expect(table.trim().split('\n')).to.have.lengthOf(26);
  });

  it('dates from 1970 to 9999 are in a tar as they are', async function () {
    needs(this, 'the package libarchive-tools');
    const dates = [0, 1, 2 ** 31, 2 ** 32 + 5, 253_402_300_799];
    const records = dates.map((internaldate, index) => ({
      uid: index + 1,
      internaldate,
      message: mail(`${index}`),
    }));
    const site = await create([{ name: 'user.anne', records }]);
    expect((await site.run(`tar:${site.path('x.tar')}`)).code).to.equal(0);
    const listing = `import tarfile, sys
for member in tarfile.open(sys.argv[1]):
  if '/cur/' in member.name: print(int(member.mtime))`;
    const python = output('python3', '-c', listing, site.path('x.tar')).trim().split('\n').map(Number);
    expect(python).to.deep.equal(dates);
    for (const program of ['tar', 'bsdtar']) {
      mkdirSync(site.path(program));
      output(program, '-xf', site.path('x.tar'), '-C', site.path(program));
      expect(messagesIn(site.path(program)), program).to.deep.equal(all([{ name: '', records }]));
    }
    const maildir = await site.run(`maildir:${site.path('md')}`);
    const kept = filesIn(site.path('md')).filter((path) => path.includes('/cur/'));
    const times = kept.map((path) => Number(output('stat', '-c', '%Y', path)));
    const lost = maildir.stderr.match(/: date \d+ s since 1970 left off/g)?.length ?? 0;
    expect(times.filter((time) => dates.includes(time)).length + lost).to.equal(dates.length);
    expect(maildir.code).to.equal(lost > 0 ? 75 : 0);
  });

  it('two mailboxes that go into one keep all messages, also those of one UID; --existing copy makes copies', async function () {
    needs(this, 'the package libarchive-tools', 'the package unzip');
    const shared = mail('in both');
    const mailboxes: MailboxMade[] = ['Archive', 'Work'].map((name) => ({
      name: `user.anne.${name}`,
      records: [...mails(3, 200, 1, name), { uid: 4, flags: name, message: shared }],
    }));
    const site = await create(mailboxes);
    const wanted = [...new Set(all(mailboxes))];
    for (const [format, messages] of Object.entries(await everywhere(site, '-M', 'user.anne.All'))) {
      expect(messages, format).to.deep.equal(wanted);
    }
    for (const to of [`maildir:${site.path('maildir')}`, `mbox:${site.path('mbox')}`]) {
      expect((await site.run(to, '-M', 'user.anne.All', '--existing', 'copy')).code).to.equal(0);
    }
    const twice = [...wanted, ...all(mailboxes)].toSorted();
    expect(messagesIn(site.path('maildir'))).to.deep.equal(twice);
    expect(mboxMessages(site.path('mbox'))).to.deep.equal(twice);
  });

  it('an archive that is there stays, unless --existing replace is given', async () => {
    const site = await create([{ name: 'user.anne', records: mails(2) }]);
    for (const format of ['tar', 'zip']) {
      const file = site.path(`x.${format}`);
      writeFileSync(file, 'something else');
      const refused = await site.run(`${format}:${file}`);
      expect(refused.code).to.equal(74);
      expect(refused.stderr).to.contain(
        `${file} exists: it was not touched; --existing replace writes it anew`,
      );
      expect(readFileSync(file, 'utf8')).to.equal('something else');
      expect((await site.run(`${format}:${file}`, '--existing', 'replace')).code).to.equal(0);
      expect(readFileSync(file).length).to.be.greaterThan(500);
      expect(existsSync(`${file}.part`)).to.equal(false);
    }
  });

  it('a second script of 2.x, the compiled one, does not take the name of its text', async () => {
    const script = (file: string, text: string): [string, string] => [
      'SIEVE',
      `%(USERID anne FILENAME ${file} LAST_UPDATE 1 CONTENT {${text.length}+}\r\n${text})`,
    ];
    const items = [
      script('main.bc', 'CyrSBytecode\0'),
      script('main.script', 'keep;\r\n'),
      script('only.bc', 'Cyr\0'),
    ];
    const site = await create(
      [{ name: 'user.anne' }],
      [...items, ['ACTIVATE_SIEVE', '%(USERID anne FILENAME main.bc)']],
    );
    const { code, stderr } = await site.run(`maildir:${site.path('md')}`);
    expect(code, stderr).to.equal(0);
    const folder = join(site.path('md'), 'anne', 'sieve');
    expect(
      filesIn(folder)
        .map((path) => basename(path))
        .toSorted(),
    ).to.deep.equal(['active', 'main.sieve', 'only.bc']);
    expect(readFileSync(join(folder, 'main.sieve'), 'latin1')).to.equal('keep;\r\n');
    expect(readFileSync(join(folder, 'active'), 'latin1')).to.equal('main\n');
  });
});
