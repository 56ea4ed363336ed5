/** An mbox of the mount, read by the programs that read mbox: all count the same messages, and get the very messages. */
import { expect } from 'chai';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { START, appendMailbox, guidOf } from '../support/backups.ts';
import { makeFolder, run } from '../support/machine.ts';
import { MailStore } from '../support/mailStore.ts';
import { oddMessages, tameMessages, takeBackFrom } from '../support/mbox.ts';
import { MountDaemon } from '../support/mountDaemon.ts';
import { needs } from '../support/needs.ts';

const PACKAGES = [
  'the package procmail',
  'the package mailutils',
  'the package nmh',
  'the package mboxgrep',
  'the package mutt',
  'the package neomutt',
  'the package git',
] as const;

const MUTT_KEYS = (copy: string): string =>
  `<tag-pattern>~A<enter><tag-prefix><copy-message>${copy}<enter><exit>`;
const mutt = (program: string): string => `
mkdir -p copy/cur copy/new copy/tmp $HOME/Mail
script -qec "${program} -n -F /dev/null -R -f $MBOX -e \\"set wait_key=no confirmappend=no confirmcreate=no mbox_type=Maildir; push '${MUTT_KEYS('$PWD/copy')}'\\"" /dev/null >log
mkdir out; mv copy/*/* out`;

/** These take the quotes of From lines away by themselves. */
const REMOVE_QUOTES = new Set(['git mailsplit', 'mailutils readmsg']);

/** It leaves the quote where the line is longer than its buffer. */
const CANNOT: Readonly<Record<string, string>> = { 'mailutils readmsg': 'long line of quotes' };

/** Each leaves one file a message in ./out. */
const PROGRAMS: Readonly<Record<string, string>> = {
  formail: `mkdir out; formail -s sh -c 'cat > out/$FILENO' <$MBOX`,
  'git mailsplit': 'mkdir out; git mailsplit --mboxrd --keep-cr -oout $MBOX',
  mboxgrep: `mboxgrep '' $MBOX >all; mkdir out; python3 -c "
import re
for n, m in enumerate(re.split(rb'(?<=\\n\\n)(?=From MAILER-DAEMON )', open('all', 'rb').read())):
  open('out/%d' % n, 'wb').write(m)"`,
  'mailutils readmsg': `mkdir out; count=$(messages $MBOX | sed 's/.* //')
for number in $(seq $count); do readmsg -h -f $MBOX $number >out/$number; done`,
  mutt: mutt('mutt'),
  neomutt: mutt('neomutt'),
  'nmh inc': `echo "Path: $PWD/Mail" >.mh_profile; mkdir -p Mail/inbox
cp $MBOX in; MH=$PWD/.mh_profile /usr/bin/mh/inc -file $PWD/in -silent +inbox; mv Mail/inbox out`,
  python: `mkdir out; python3 -c "
import mailbox
box = mailbox.mbox('$MBOX', create=False)
for key in box.keys(): open('out/%d' % key, 'wb').write(box.get_bytes(key, from_=True))"`,
};

describe('programs that read mbox', function () {
  this.timeout(120_000);
  let store: MailStore;
  let mount: MountDaemon;
  const folders: string[] = [];

  before(async function () {
    needs(this, 'root', '/dev/fuse', ...PACKAGES);
    store = new MailStore();
    const backup = await store.backup('anne');
    for (const [name, messages] of [
      ['user.anne', oddMessages],
      ['user.anne.Tame', tameMessages],
    ] as const) {
      const records = [...messages.values()].map((message, at) => ({
        uid: at + 1,
        message,
        flags: at % 2 === 0 ? '' : '\\Seen \\Flagged Work',
      }));
      await appendMailbox(store.site, backup, START, { uniqueid: name, name, records });
    }
    mount = await MountDaemon.start(store.conf, ['transport=kernel']);
  });
  after(async () => {
    await mount?.stop();
    await store?.remove();
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  });

  /** What the program makes of each message, latin1. */
  async function taken(program: string, mailbox: string): Promise<string[]> {
    const folder = makeFolder('mbox-programs');
    folders.push(folder);
    mkdirSync(join(folder, 'home'));
    writeFileSync(join(folder, 'home', '.gitconfig'), '');
    const env = {
      ...process.env,
      HOME: join(folder, 'home'),
      TERM: 'xterm',
      MBOX: join(mount.path, 'anne/.mbox', mailbox),
    };
    const { stdout, stderr } = await run('sh', ['-ec', `cd ${folder}; ${PROGRAMS[program]}`], { env });
    const out = join(folder, 'out');
    const names = readdirSync(out).filter((name) => !name.startsWith('.'));
    expect(names, stdout + stderr).to.not.have.length(0);
    return names.map((name) => readFileSync(join(out, name), 'latin1'));
  }

  for (const program of Object.keys(PROGRAMS)) {
    it(`${program} counts as many as there are`, async () => {
      expect(await taken(program, 'Tame.mbox')).to.have.length(tameMessages.size);
      // It writes strings of C, and ends the message at its first NUL.
      if (program === 'mboxgrep') return;
      expect(await taken(program, 'INBOX.mbox')).to.have.length(oddMessages.size);
    });

    it(`${program} gets the very messages`, async () => {
      const texts = await taken(program, 'Tame.mbox');
      const bytes = texts.map((text) => takeBackFrom(text, !REMOVE_QUOTES.has(program)).bytes);
      const guids = new Set(bytes.map(guidOf));
      const wanted = [...tameMessages].filter(([name]) => CANNOT[program] !== name);
      for (const [name, message] of wanted) expect(guids.has(guidOf(message)), name).to.equal(true);
    });
  }

  it('mboxgrep and mailutils count those with NUL, too', async () => {
    const path = join(mount.path, 'anne/.mbox/INBOX.mbox');
    expect((await run('mboxgrep', ['-c', '', path])).stdout.trim()).to.equal(String(oddMessages.size));
    expect((await run('messages', [path])).stdout.trim()).to.match(new RegExp(` ${oddMessages.size}$`));
  });

  it('take flags from our notes, and none from a message’s own', async () => {
    const script = `
import mailbox, sys, json
box = mailbox.mbox(sys.argv[1], create=False)
print(json.dumps([''.join(sorted(m.get_flags())) for _, m in sorted(box.items())]))`;
    const path = join(mount.path, 'anne/.mbox/INBOX.mbox');
    const { stdout } = await run('python3', ['-c', script, path]);
    const flags = JSON.parse(stdout) as string[];
    expect(flags).to.deep.equal(flags.map((_, at) => (at % 2 === 0 ? 'O' : 'FOR')));
  });
});
