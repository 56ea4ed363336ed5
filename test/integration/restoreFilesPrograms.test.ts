/** An mbox that restore writes, for other people's programs; and standard output that is full or closed. */
import { expect } from 'chai';
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../support/machine.ts';
import { needs } from '../support/needs.ts';
import { FileRestore, SmallDisk, filesIn, mail, mails, sha1 } from '../support/fileRestore.ts';

const CYR_BACKUP = new URL('../../bin/cyr_backup', import.meta.url).pathname;
const RESTORE = new URL('../../bin/restore', import.meta.url).pathname;

const output = (command: string, ...args: string[]): string =>
  execFileSync(command, args, { encoding: 'latin1', env: { ...process.env, HOME: '/nonexistent' } });

describe('a restore into files, beside other programs', function () {
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

  it('an mbox is as many messages, with the same bytes, for mutt, formail, git and Python', async function () {
    needs(this, 'the package mutt', 'the package procmail', 'the package git');
    const records = [
      ...mails(20, 3000),
      { uid: 21, message: Buffer.from('Subject: no body') },
      { uid: 22, message: Buffer.from('Subject: no end\r\n\r\nlast line') },
      {
        uid: 23,
        message: Buffer.from('Status: its own\r\nSubject: x\r\nLines: 4\r\n\r\nFrom a\r\n>From b\r\n\r\n'),
      },
      {
        uid: 24,
        flags: Array.from({ length: 200 }, (_, index) => `keyword${index}`).join(' '),
        message: mail('many keywords'),
      },
    ];
    const site = await create([{ name: 'user.anne', records }]);
    const to = `mbox:${site.path('mbox')}`;
    expect((await site.run(to)).code).to.equal(0);
    const inbox = join(site.path('mbox'), 'anne', 'INBOX');
    expect(output('sh', '-c', `formail -s echo < ${inbox} | wc -l`).trim()).to.equal('24');
    mkdirSync(site.path('split'));
    expect(output('git', 'mailsplit', `-o${site.path('split')}`, inbox).trim()).to.equal('24');
    const maildir = site.path('mutt');
    for (const name of ['cur', 'new', 'tmp']) mkdirSync(join(maildir, name), { recursive: true });
    mkdirSync(site.path('Mail'));
    const keys = `<tag-pattern>.<enter><tag-prefix><copy-message>${maildir}<enter><exit>`;
    const settings = `set wait_key=no confirmappend=no confirmcreate=no mbox_type=Maildir; push '${keys}'`;
    const command = `mutt -n -F /dev/null -R -f ${inbox} -e "${settings}"`;
    const mutt = await run('script', ['-qec', command, '/dev/null'], {
      env: { ...process.env, TERM: 'xterm', HOME: site.folder },
      timeoutMs: 20_000,
    });
    expect(
      filesIn(maildir).filter((path) => /\/(?:cur|new)\//.test(path)),
      mutt.stdout,
    ).to.have.lengthOf(24);
    // Programs change flags; the messages are the same.
    const text = readFileSync(inbox, 'latin1');
    writeFileSync(
      inbox,
      text.replaceAll(/^Status: .*\n((?:X-.*\n)+)/gm, '$1Status: RO\nContent-Length: 5\nLines: 1\n'),
      'latin1',
    );
    const again = await site.run(to);
    expect(again.stdout).to.match(/ 0 messages added .* 24 skipped/);
  });

  it('standard output that is full or closed ends cyr_backup dump and tar:- with an error', async function () {
    needs(this, 'root');
    const site = await create([{ name: 'user.anne', records: mails(10, 300_000) }]);
    const disk = new SmallDisk(site.folder, 'tmpfs', 256 * 1024);
    try {
      const commands: [string, string[]][] = [
        [CYR_BACKUP, site.dump('mailbox', 'u0')],
        [CYR_BACKUP, site.dump('message', sha1(mail('message 1', 300_000)))],
        [CYR_BACKUP, site.dump('chunk', '1')],
        [RESTORE, site.arguments('tar:-')],
        [RESTORE, site.arguments('zip:-')],
      ];
      for (const [command, args] of commands) {
        // Not a multiple of a write: the last one is a short one.
        disk.leave(16 * 1024);
        const fd = openSync(join(disk.path, 'output'), 'w');
        const { status, stderr } = spawnSync(command, args, {
          stdio: ['ignore', fd, 'pipe'],
          encoding: 'utf8',
        });
        closeSync(fd);
        expect(status, args.join(' ')).to.be.oneOf([74, 75]);
        expect(stderr).to.contain('the disk is full');
        const closed = spawnSync(
          'sh',
          ['-c', '{ "$@"; echo $? >&2; } | head -c 100 > /dev/null', 'sh', command, ...args],
          { encoding: 'utf8' },
        );
        expect(closed.stderr.trim().split('\n').at(-1), args.join(' ')).to.be.oneOf(['74', '75']);
      }
    } finally {
      disk.remove();
    }
  });
});
