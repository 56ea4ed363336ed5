/** Every view of the tree on a real mount, over both transports, read by the programs that people read mail with. */
import { expect } from 'chai';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { guidOf, START } from '../support/backups.ts';
import { makeFolder, run } from '../support/machine.ts';
import type { Outcome } from '../support/machine.ts';
import { annesStore, mailNumber } from '../support/mailStore.ts';
import type { MailStore } from '../support/mailStore.ts';
import { splitMbox, takeBack } from '../support/mbox.ts';
import { MountDaemon } from '../support/mountDaemon.ts';
import { needs } from '../support/needs.ts';

/** Name of the folder, then key, subject and flags of each message; for a Maildir, an MH folder or an mbox. */
const PYTHON = `
import mailbox, sys, json
kind, path = sys.argv[1:]
box = getattr(mailbox, kind)(path, create=False)
flags = lambda m: ''.join(sorted(m.get_flags())) if hasattr(m, 'get_flags') else ','.join(m.get_sequences())
print(json.dumps([[str(k), m['subject'], flags(m)] for k, m in sorted(box.items())]))
`;

const at = (seconds: number): string =>
  new Date((START + seconds) * 1000).toISOString().replace('.000Z', 'Z');

for (const transport of ['kernel', 'fuse-native'] as const) {
  describe(`views over ${transport}`, function () {
    this.timeout(60_000);
    let store: MailStore;
    let mount: MountDaemon;
    let outside: string;

    before(async function () {
      needs(this, 'root', '/dev/fuse', 'the package mutt', 'the package notmuch', 'the package mblaze');
      store = await annesStore();
      mount = await MountDaemon.start(store.conf, [`transport=${transport}`]);
      outside = makeFolder('views');
    });
    after(async () => {
      await mount?.stop();
      await store?.remove();
      if (outside !== undefined) rmSync(outside, { recursive: true, force: true });
    });

    const sh = (command: string, env: NodeJS.ProcessEnv = {}): Promise<Outcome> =>
      run('sh', ['-c', `cd ${mount.path} && ${command}`], { env: { ...process.env, HOME: outside, ...env } });
    const linesOf = async (command: string): Promise<string[]> => {
      const { code, stdout, stderr } = await sh(command);
      expect([code, stderr], command).to.deep.equal([0, '']);
      return stdout.trim().split('\n');
    };

    it('are found by name and not listed, so that tar and grep read each message once', async () => {
      expect(await linesOf('ls -A . anne')).to.have.members([
        '.:',
        'anne',
        'bob',
        '',
        'anne:',
        '2024',
        'INBOX',
        'deleted',
      ]);
      const found = await linesOf('find anne -name "*.eml" | sort');
      expect(found).to.deep.equal([
        'anne/2024/7.eml',
        'anne/2024/9.eml',
        'anne/2024/v1.2 plans/1.eml',
        'anne/INBOX/2.eml',
        'anne/INBOX/3.eml',
        'anne/deleted/1.eml',
      ]);
      for (const view of ['.at', '.deleted', '.maildir', '.mh', '.mbox', '.sieve', '.chunks']) {
        expect((await sh(`test -d anne/${view}`)).code, view).to.equal(0);
      }
      for (const name of [
        '.plain',
        '.search',
        '.trash',
        'INBOX/.maildir',
        '.at/tomorrow',
        '.at/2',
        '.at/@4000000000',
      ]) {
        expect((await sh(`test -e anne/${name}`)).code, name).to.equal(1);
      }
    });

    it('show what Python’s mailbox module reads from a Maildir, an MH folder and an mbox', async () => {
      const read = async (kind: string, path: string): Promise<unknown> => {
        const { code, stdout, stderr } = await run('python3', ['-c', PYTHON, kind, join(mount.path, path)]);
        expect(code, stderr).to.equal(0);
        return (JSON.parse(stdout) as string[][]).map(([, subject, flags]) => `${subject} ${flags}`);
      };
      expect(await read('Maildir', 'anne/.maildir')).to.have.members(['number 2 RSa', 'number 3 FS']);
      expect(await read('Maildir', 'anne/.maildir/.2024')).to.have.members(['number 1 ', 'number 4 PS']);
      expect(await read('MH', 'anne/.mh/INBOX')).to.have.members(['number 2 replied', 'number 3 flagged']);
      expect(await read('MH', 'anne/.mh/%32024')).to.have.members(['number 1 unseen', 'number 4 ']);
      expect(await read('mbox', 'anne/.mbox/INBOX.mbox')).to.have.members(['number 2 AOR', 'number 3 FOR']);
      expect(await read('mbox', 'anne/.mbox/2024.mbox')).to.have.members(['number 1 O', 'number 4 OR']);
      expect(await read('mbox', 'anne/.mbox/2024/v1.2 plans.mbox')).to.have.members(['number 5 O']);
    });

    it('give mutt messages to copy', async () => {
      // Else it asks whether to make that, and takes the first key for the answer.
      mkdirSync(join(outside, 'Mail'));
      for (const [folder, numbers] of [
        ['.maildir', [2, 3]],
        ['.mh/INBOX', [2, 3]],
        ['.maildir/.2024', [1, 4]],
        ['.mbox/2024.mbox', [1, 4]],
      ] as const) {
        const copy = join(outside, `mutt-${folder.replaceAll(/[/.]/g, '-')}`);
        mkdirSync(join(copy, 'cur'), { recursive: true });
        for (const name of ['new', 'tmp']) mkdirSync(join(copy, name));
        const keys = `<tag-pattern>.<enter><tag-prefix><copy-message>${copy}<enter><exit>`;
        const settings = `set wait_key=no confirmappend=no confirmcreate=no mbox_type=Maildir; push '${keys}'`;
        const mutt = `mutt -n -F /dev/null -R -f ${mount.path}/anne/${folder} -e "${settings}"`;
        const { stdout } = await run('script', ['-qec', mutt, '/dev/null'], {
          env: { ...process.env, HOME: outside, TERM: 'xterm' },
          timeoutMs: 20_000,
        });
        const { stdout: subjects } = await run('sh', ['-c', `grep -h ^Subject: ${copy}/*/*`]);
        const expected = numbers.map((number) => `Subject: number ${number}`);
        expect(subjects.replaceAll('\r', '').trim().split('\n'), folder + stdout).to.have.members(expected);
      }
    });

    it('are indexed by notmuch and listed by mblaze', async () => {
      const config = join(outside, 'notmuch-config');
      mkdirSync(join(outside, 'notmuch'));
      writeFileSync(
        config,
        `[database]\npath=${outside}/notmuch\nmail_root=${mount.path}/anne/.maildir\n[user]\nname=a\nprimary_email=a@b\n` +
          '[maildir]\nsynchronize_flags=true\n',
      );
      const notmuch = (args: string) => sh(`notmuch --config=${config} ${args}`);
      expect((await notmuch('new')).stdout).to.contain('Added 6 new messages');
      expect((await notmuch("count 'subject:number and tag:flagged'")).stdout).to.equal('1\n');
      expect((await notmuch('count tag:unread')).stdout).to.equal('3\n');
      expect((await notmuch('new')).stdout).to.contain('No new mail');
      const scanned = await sh('mlist anne/.maildir | mscan 2>/dev/null');
      expect(scanned.stdout).to.contain('number 2').and.contain('number 3');
      expect(await linesOf('mdirs -a anne/.maildir | wc -l')).to.deep.equal(['4']);
    });

    it('have an mbox whose size is exact, and whose quoting can be taken back to the very message', async () => {
      const path = join(mount.path, 'anne/.mbox/2024.mbox');
      const { stdout: size } = await run('stat', ['-c', '%s', path]);
      await run('cp', [path, join(outside, '2024.mbox')]);
      const text = readFileSync(join(outside, '2024.mbox'), 'latin1');
      expect(text.length).to.equal(Number(size));
      const taken = splitMbox(Buffer.from(text, 'latin1')).map((message) => guidOf(takeBack(message).bytes));
      expect(taken).to.deep.equal([1, 4].map((number) => guidOf(mailNumber(number))));
      const random = `python3 -c "
import os,random
random.seed(1)
f=os.open('anne/.mbox/2024.mbox',os.O_RDONLY); whole=open('${outside}/2024.mbox','rb').read()
for _ in range(200):
  at=random.randrange(len(whole)); n=random.choice([1,7,4096,70000])
  assert os.pread(f,n,at)==whole[at:at+n],(at,n)
print('same')"`;
      expect(await linesOf(random)).to.deep.equal(['same']);
    });

    it('show any moment under any spelling of it, and list those at which something changed', async () => {
      const listed = await linesOf('ls anne/.at');
      expect(listed).to.deep.equal([0, 100, 200, 300, 400, 500, 600, 610, 620, 630, 700].map(at));
      const ids = (path: string) => linesOf(`ls "anne/.at/${path}"`);
      expect(await ids(`${at(0)}/INBOX`)).to.deep.equal(['1.eml', '2.eml', '3.eml']);
      expect(await ids(`@${START + 299}/INBOX`)).to.deep.equal(['1.eml', '2.eml', '3.eml']);
      expect(await ids(`@${START + 300}/INBOX`)).to.deep.equal(['2.eml', '3.eml']);
      expect(await ids(at(450))).to.have.members(['2024', 'INBOX', 'Old', 'deleted']);
      expect(await ids(`${at(450).replace('Z', '+00:00')}/Old`)).to.deep.equal(['4.eml']);
      expect(await ids('2023-11-14 23:59Z/.deleted')).to.have.length(3);
      for (const now of ['yesterday', 'now', '2h', '1d12h ago', '2024-02-29']) {
        expect(await ids(`${now}/INBOX`), now).to.deep.equal(['2.eml', '3.eml']);
      }
      expect(await linesOf(`cat anne/.at/${at(0)}/INBOX/1.eml | sha1sum`)).to.deep.equal([
        `${guidOf(mailNumber(1))}  -`,
      ]);
      const flags = (time: number) =>
        linesOf(`getfattr --only-values -n user.cyrus.flags anne/.at/${at(time)}/INBOX/3.eml`);
      expect([await flags(699), await flags(700)]).to.deep.equal([['\\Flagged'], ['\\Seen \\Flagged']]);
      const before = `ls anne/.at/@${START - 5} 2>&1 | grep -c 'No such file'`;
      expect(await linesOf(before), 'before the backup begins').to.deep.equal(['1']);
      expect(await linesOf(`ls anne/.at/${at(450)}/.maildir/.Old/cur | wc -l`)).to.deep.equal(['1']);
    });

    it('keep the moment of a relative spelling while it is used', async () => {
      const inodes = await linesOf('stat -c %i anne/.at/90s; sleep 1.5; stat -c %i anne/.at/90s');
      expect(inodes[0]).to.equal(inodes[1]);
    });

    it('have what was deleted where it was', async () => {
      expect(await linesOf('cd anne/.deleted && find . -type f | sort')).to.deep.equal([
        './Gone%deleted-5F000000/1.eml',
        './INBOX/1.eml',
        `./Old%deleted-${(START + 500).toString(16).toUpperCase()}/4.eml`,
      ]);
      expect(await linesOf('sha1sum < anne/.deleted/INBOX/1.eml')).to.deep.equal([
        `${guidOf(mailNumber(1))}  -`,
      ]);
      expect(await linesOf('ls anne/.deleted/.maildir/cur | wc -l')).to.deep.equal(['1']);
    });

    it('have scripts, subscriptions, the log and a status', async () => {
      expect(await linesOf('cd anne/.sieve; ls; readlink active; cat active')).to.deep.equal([
        'active',
        'vacation.sieve',
        'vacation.sieve',
        'keep;',
      ]);
      expect(await linesOf('cat anne/.subscriptions')).to.deep.equal(['2024', '../bob/Plans']);
      expect(
        await linesOf(`ls anne/.at/${at(605)}/.sieve; cat anne/.at/${at(625)}/.subscriptions`),
      ).to.deep.equal(['vacation.sieve', '2024']);
      const [size] = await linesOf('stat -c %s anne/.chunks/1.txt');
      const read = await sh('cat anne/.chunks/1.txt | wc -c; grep -ac "APPLY MAILBOX" anne/.chunks/1.txt');
      expect(read.stdout.split('\n')[0]).to.equal(size);
      expect(Number(read.stdout.split('\n')[1])).to.be.above(4);
      const status = JSON.parse((await sh('cat anne/.status.json')).stdout) as Record<string, unknown>;
      expect(status).to.include({ userid: 'anne', mailboxes: 4, messages: 6, lastChange: at(700) });
      expect(JSON.parse((await sh('cat .status.json')).stdout)).to.include({ users: 2, view: 'plain' });
      expect((await sh('cat .metrics')).stdout).to.match(/^cyrus_backups_mount_users 2$/m);
    });

    it('are copied whole by cp, as a Maildir that another program can go on with', async () => {
      const copy = join(outside, 'copy');
      const { code, stderr } = await run('cp', ['-r', join(mount.path, 'anne/.maildir'), copy]);
      expect([code, stderr]).to.deep.equal([0, '']);
      cpSync(join(copy, '.2024'), join(outside, 'again'), { recursive: true });
      const { stdout } = await run('python3', ['-c', PYTHON, 'Maildir', copy]);
      expect(JSON.parse(stdout)).to.have.length(2);
    });
  });
}
