/** Restores into files that break off: on a disk that is really full, and killed. The next run completes them. */
import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { needs } from '../support/needs.ts';
import {
  FileRestore,
  SmallDisk,
  filesIn,
  mails,
  mboxMessages,
  messagesIn,
  sha1,
} from '../support/fileRestore.ts';

const FORMATS = ['mbox', 'maildir', 'tar', 'zip'] as const;
type Format = (typeof FORMATS)[number];
const SCRIPT = `if header :contains "subject" "x" { discard; }\r\n${'# a long script\r\n'.repeat(400)}`;

describe('a restore into files that breaks off', function () {
  this.timeout(120_000);
  let made: FileRestore;
  let wanted: string[];

  before(async () => {
    const inbox = mails(300, 4000);
    const archive = mails(300, 4000, 301);
    wanted = [...inbox, ...archive].map(({ message }) => sha1(message)).toSorted();
    made = await FileRestore.create(
      [
        { name: 'user.anne', records: inbox },
        { name: 'user.anne.Archive', records: archive },
      ],
      [
        [
          'SIEVE',
          `%(USERID anne FILENAME main.script LAST_UPDATE 1 CONTENT {${SCRIPT.length}+}\r\n${SCRIPT})`,
        ],
        ['SUB', '%(USERID anne MBOXNAME user.anne.Archive)'],
      ],
    );
  });
  after(() => made?.remove());

  const target = (format: Format, folder: string): string =>
    `${format}:${join(folder, format === 'tar' || format === 'zip' ? `anne.${format}` : format)}`;

  /** What stands there after all. */
  function found(format: Format, folder: string): string[] {
    if (format === 'mbox') return mboxMessages(join(folder, 'mbox'));
    if (format === 'maildir') return messagesIn(join(folder, 'maildir'));
    const into = made.path(`unpacked-${format}-${basename(folder)}`);
    rmSync(into, { recursive: true, force: true });
    mkdirSync(into);
    const file = join(folder, `anne.${format}`);
    if (format === 'tar') execFileSync('tar', ['-xf', file, '-C', into]);
    else execFileSync('unzip', ['-q', file, '-d', into]);
    return messagesIn(into);
  }

  const leftovers = (folder: string): string[] =>
    filesIn(folder).filter((path) => /\.(?:new|part)$|\/tmp\//.test(path.slice(folder.length)));

  for (const kind of ['tmpfs', 'ext4'] as const) {
    describe(`on a full ${kind}`, () => {
      let disk: SmallDisk;
      before(function () {
        needs(this, 'root', ...(kind === 'ext4' ? (['loop devices', 'the package e2fsprogs'] as const) : []));
        disk = new SmallDisk(made.folder, kind, 24 << 20);
      });
      after(() => disk?.remove());

      for (const format of FORMATS) {
        it(`${format}: what is said to be added is there, and the next run brings the rest`, async () => {
          // Room for the first mailbox and a part of the second; of a zip, which is small, for a part.
          disk.leave(format === 'zip' ? 150_000 : 1_900_000);
          const first = await made.run(target(format, disk.path));
          expect(first.code, first.stderr).to.not.equal(0);
          expect(first.stderr, first.stdout).to.contain('the disk is full');
          const said = Number(/(\d+) messages added/.exec(first.stdout)?.[1] ?? 0);
          if (format === 'tar' || format === 'zip')
            expect(existsSync(join(disk.path, `anne.${format}`))).to.equal(false);
          else expect(found(format, disk.path).length).to.be.at.least(said).and.below(600);
          if (format === 'mbox') expect(said, 'the first mailbox as a whole').to.equal(300);
          disk.leave(null);
          const second = await made.run(target(format, disk.path));
          expect(second.code, second.stdout + second.stderr).to.equal(0);
          expect(found(format, disk.path)).to.deep.equal(wanted);
          expect(leftovers(disk.path)).to.deep.equal([]);
          if (format === 'mbox' || format === 'maildir') {
            const user = join(disk.path, format, 'anne');
            expect(readFileSync(join(user, 'sieve', 'main.sieve'), 'utf8')).to.equal(SCRIPT);
            expect(readFileSync(join(user, 'subscriptions'), 'utf8')).to.equal('Archive\n');
            const third = await made.run(target(format, disk.path));
            expect(third.stdout).to.match(/ 0 messages added .* 600 skipped, .* 0 settings, 0 failed/);
          }
          for (const name of readdirSync(disk.path)) {
            if (name !== 'lost+found') rmSync(join(disk.path, name), { recursive: true, force: true });
          }
        });
      }
    });
  }

  for (const format of FORMATS) {
    it(`${format}: killed at any time, the next run completes it`, async () => {
      const folder = made.path(`killed-${format}`);
      mkdirSync(folder);
      const startMs = Date.now();
      await made.run(target(format, join(folder, '..')));
      const wholeMs = Date.now() - startMs;
      for (const part of [0.4, 0.6, 0.75, 0.85, 0.95]) {
        const daemon = made.start(target(format, folder));
        await sleep(wholeMs * part);
        await daemon.stop('SIGKILL');
      }
      if (format === 'tar' || format === 'zip') {
        const file = join(folder, `anne.${format}`);
        if (existsSync(file)) rmSync(file);
        writeFileSync(`${file}.part`, 'what a killed run left');
      }
      const last = await made.run(target(format, folder));
      expect(last.code, last.stdout + last.stderr).to.equal(0);
      expect(found(format, folder)).to.deep.equal(wanted);
      expect(leftovers(folder)).to.deep.equal([]);
    });
  }

  it('side files and messages that an older restore left empty or cut are completed', async () => {
    const folder = made.path('cut');
    await made.run(`maildir:${folder}`);
    const user = join(folder, 'anne');
    const [one = '', two = '', three = ''] = filesIn(join(user, 'cur'));
    truncateSync(one, 0);
    truncateSync(two, 500);
    const changed = Buffer.concat([readFileSync(three), Buffer.from('a line of somebody else\r\n')]);
    writeFileSync(three, changed);
    truncateSync(join(user, 'sieve', 'main.sieve'), 0);
    truncateSync(join(user, 'subscriptions'), 0);
    const { code, stdout, stderr } = await made.run(`maildir:${folder}`);
    expect(code, stdout + stderr).to.equal(0);
    expect(stdout).to.match(/ 3 messages added .* 597 skipped, .* 2 settings, 0 failed/);
    expect(stderr).to.contain(`${basename(three)} is not the message that it was`);
    expect(messagesIn(folder)).to.deep.equal([...wanted, sha1(changed)].toSorted());
    expect(readFileSync(join(user, 'sieve', 'main.sieve'), 'utf8')).to.equal(SCRIPT);
    expect(dirname(three)).to.equal(join(user, 'cur'));
  });

  it('an mbox counts by its bytes: a message that only has the GUID of another comes again', async () => {
    const folder = made.path('forged');
    await made.run(`mbox:${folder}`);
    const inbox = join(folder, 'anne', 'INBOX');
    const text = readFileSync(inbox, 'latin1');
    writeFileSync(inbox, text.replace('message 7 3 ', 'message 7 X '), 'latin1');
    const { stdout } = await made.run(`mbox:${folder}`);
    expect(stdout).to.match(/ 1 messages added .* 599 skipped/);
    expect(mboxMessages(folder)).to.include.members(wanted);
  });
});
