/**
 * A message that a program has open goes on being read when its name is gone, as POSIX has it of files that are unlinked: tar in the
 * middle of a large message while backupd commits an EXPUNGE. What the kernel has read ahead would hide it, so it is told not to.
 */
import { expect } from 'chai';
import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { createHash } from 'node:crypto';
import { renameSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Interface } from 'node:readline';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { TRANSPORT_NAMES } from '../../mount/options.ts';
import { apply, idOf, message, upload } from '../server/made.ts';
import { BackupServer, runOurs } from '../support/backupdDaemon.ts';
import { run, waitUntil } from '../support/machine.ts';
import { MountDaemon } from '../support/mountDaemon.ts';
import { needs } from '../support/needs.ts';
import { SyncConnection } from '../support/syncConnection.ts';

/** Opens files and reads their first halves, and when it is told the rest; says the SHA-1 of all, and how many links there are. */
const HOLDER = `
import errno, hashlib, json, os, sys
held = {}
def answer(said, path):
    if said == 'open':
        fd = os.open(path, os.O_RDONLY)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
        size = os.fstat(fd).st_size
        held[path] = fd, size, os.pread(fd, size // 2, 0), os.fstat(fd).st_ino
        return 'opened'
    fd, size, first, inode = held[path]
    at, rest = len(first), b''
    while piece := os.pread(fd, 100000, at + len(rest)): rest += piece
    links = os.fstat(fd).st_nlink if said == 'rest' else ''
    return f'{hashlib.sha1(first + rest).hexdigest()} {links}'.strip()
for line in sys.stdin:
    try: print(answer(*json.loads(line)), flush=True)
    except OSError as error: print(errno.errorcode[error.errno], flush=True)
`;

/** Of several blocks, each unlike all others. */
function large(name: string): string {
  let text = message(name);
  for (let at = 0; text.length < 700_000; at += 1) {
    text += `${createHash('sha512').update(`${name} ${at}`).digest('base64')}\r\n`;
  }
  return text;
}
const sha1 = (body: string): string => createHash('sha1').update(body, 'latin1').digest('hex');

for (const transport of TRANSPORT_NAMES) {
  describe(`open files over ${transport}`, function () {
    this.timeout(60_000);

    let backup: BackupServer;
    let mount: MountDaemon;
    let master: SyncConnection;
    let holder: ChildProcessByStdio<Writable, Readable, null>;
    let answers: Interface;

    before(async function () {
      needs(this, 'root', '/dev/fuse');
      backup = await BackupServer.start('backup_retention: 1d\n');
      master = await SyncConnection.login(backup.address);
      mount = await MountDaemon.start(backup.conf, [`transport=${transport}`]);
      holder = spawn('python3', ['-c', HOLDER], { cwd: mount.path, stdio: ['pipe', 'pipe', 'inherit'] });
      answers = createInterface({ input: holder.stdout });
    });

    after(async () => {
      holder?.stdin.end();
      master?.close();
      await mount?.stop();
      await backup?.stop();
    });

    async function say(...commands: (string | Buffer)[]): Promise<void> {
      for (const command of commands) {
        const { reply } = await master.exchange(command);
        expect(reply, command.toString('latin1')).to.match(/^OK/);
      }
    }

    /** A mailbox of its own for each test, of large messages. */
    async function made(name: string, bodies: readonly string[], uniqueid = idOf(name)): Promise<void> {
      await say(upload(...bodies), apply({ name, bodies, uniqueid }));
    }

    const expunge = (name: string, uid: number): Promise<void> =>
      say(`APPLY EXPUNGE %(MBOXNAME ${name} UNIQUEID ${idOf(name)} UID (${uid}))\r\n`);

    async function tool(...args: string[]): Promise<void> {
      await say('RESTART\r\n');
      const { code, stdout, stderr } = await runOurs('ctl_backups', ['-C', backup.conf, '-F', '-w', ...args]);
      expect(code, stdout + stderr).to.equal(0);
    }

    function ask(what: 'open' | 'rest' | 'bytes', path: string): Promise<string> {
      const answer = new Promise<string>((resolve) => answers.once('line', resolve));
      holder.stdin.write(`${JSON.stringify([what, path])}\n`);
      return answer;
    }

    async function exists(path: string): Promise<boolean> {
      return (await run('stat', [path], { cwd: mount.path })).code === 0;
    }

    async function sumAt(path: string): Promise<string> {
      return (await run('sh', ['-c', `cat ${path} | sha1sum`], { cwd: mount.path })).stdout.slice(0, 40);
    }

    async function appears(path: string): Promise<void> {
      await waitUntil(() => exists(path), { what: () => `${path} is not there\n${mount.log}` });
    }

    async function vanishes(path: string): Promise<void> {
      await waitUntil(async () => !(await exists(path)), {
        what: () => `${path} is still there\n${mount.log}`,
      });
    }

    async function hold(path: string): Promise<void> {
      await appears(path);
      expect(await ask('open', path)).to.equal('opened');
    }

    /** By path, libfuse cannot tell an open file from its name: over fuse-native, only its bytes are asked for. */
    async function goesOn(path: string, body: string, links: number): Promise<void> {
      if (transport === 'kernel') expect(await ask('rest', path)).to.equal(`${sha1(body)} ${links}`);
      else expect(await ask('bytes', path)).to.equal(sha1(body));
    }

    it('an expunged message is read to its end, also out of a file that a compaction has rewritten', async () => {
      const bodies = [1, 2, 3].map((at) => large(`expunged ${at}`));
      await made('user.anne.E', bodies);
      for (const path of ['anne/E/2.eml', 'anne/.mh/E/2', 'anne/E/3.eml']) await hold(path);
      await expunge('user.anne.E', 2);
      await vanishes('anne/E/2.eml');
      expect(await ask('open', 'anne/E/2.eml')).to.equal('ENOENT');
      await goesOn('anne/E/2.eml', bodies[1] ?? '', 0);
      expect(await exists('anne/.deleted/E/2.eml')).to.equal(true);
      await tool('compact', 'anne');
      await appears('anne/E/3.eml');
      expect(await ask('bytes', 'anne/.mh/E/2')).to.equal(sha1(bodies[1] ?? ''));
      await goesOn('anne/E/3.eml', bodies[2] ?? '', 1);
    });

    it('a message whose bytes are gone, too, is ESTALE', async () => {
      await made('user.anne.S', [large('stale')]);
      await hold('anne/S/1.eml');
      const path = 'anne/S/1.eml';
      await expunge('user.anne.S', 1);
      await vanishes(path);
      backup.configure('backup_retention: 1s\n');
      await new Promise((resolve) => setTimeout(resolve, 2100));
      await tool('compact', 'anne');
      backup.configure('backup_retention: 1d\n');
      await vanishes('anne/.deleted/S/1.eml');
      expect(await ask('bytes', path)).to.equal('ESTALE');
    });

    it('a message with other flags, and so another name in a Maildir, is read to its end', async () => {
      const body = large('flagged');
      await made('user.anne.F', [body]);
      const cur = 'anne/.maildir/.F/cur';
      await appears(cur);
      const name = async (): Promise<string> => (await run('ls', [join(mount.path, cur)])).stdout.trim();
      const before = await name();
      expect(before).to.match(/:2,$/);
      await hold(`${cur}/${before}`);
      await say(apply({ name: 'user.anne.F', bodies: [body], flags: '\\Seen' }));
      await vanishes(`${cur}/${before}`);
      expect(await name()).to.equal(`${before}S`);
      await goesOn(`${cur}/${before}`, body, 1);
    });

    it('messages of a mailbox that is deleted, and never those of another in its place', async () => {
      const name = 'user.anne.D';
      const [old, other] = [large('old'), large('other')];
      await made(name, [old]);
      const cur = 'anne/.maildir/.D/cur';
      await appears(cur);
      const file = (await run('ls', [join(mount.path, cur)])).stdout.trim();
      const open = ['anne/D/1.eml', 'anne/.mh/D/1', `${cur}/${file}`];
      for (const path of open) await hold(path);
      await say('APPLY UNMAILBOX user.anne.D\r\n');
      await vanishes('anne/D');
      expect(await ask('bytes', open[0] ?? '')).to.equal(sha1(old));
      // libfuse has one file for a name: what the kernel keeps of it is shared by who has the old one open and who reads the new one.
      if (transport === 'fuse-native') return;
      await made(name, [other], 'another');
      for (const path of ['anne/D/1.eml', 'anne/.mh/D/1', `${cur}/*`]) {
        await waitUntil(async () => (await sumAt(path)) === sha1(other), {
          what: () => `${path}\n${mount.log}`,
        });
      }
      for (const path of open.slice(1)) expect(await ask('bytes', path)).to.equal(sha1(old));
    });

    it('a message of a user who is renamed, or deleted, is ESTALE or its bytes, and never ENOENT', async () => {
      for (const [user, ...command] of [
        ['renamed', 'rename', 'renamed', 'other'],
        ['removed', 'delete', 'removed'],
      ] as const) {
        const body = large(user);
        await made(`user.${user}`, [body]);
        const open = ['INBOX/1.eml', '.mh/INBOX/1', '.mbox/INBOX.mbox', '.status.json'].map(
          (path) => `${user}/${path}`,
        );
        for (const path of open) await hold(path);
        await tool(...command);
        await vanishes(user);
        // The tree may go on with a backup that it has open for a second.
        await new Promise((resolve) => setTimeout(resolve, 1500));
        for (const path of open.slice(0, 2))
          expect(await ask('bytes', path)).to.be.oneOf([sha1(body), 'ESTALE']);
        for (const path of open.slice(2)) expect(await ask('bytes', path)).to.not.equal('ENOENT');
        for (const path of open) expect(await ask('open', path), path).to.equal('ENOENT');
      }
    });

    it('a message on a partition that is gone is EIO or its bytes, and never ENOENT', async () => {
      const body = large('partition');
      await made('user.away', [body]);
      const path = 'away/INBOX/1.eml';
      await hold(path);
      await say('RESTART\r\n');
      const partition = join(backup.folder, 'data');
      renameSync(partition, `${partition}.away`);
      try {
        await new Promise((resolve) => setTimeout(resolve, 1500));
        expect(await ask('bytes', path)).to.be.oneOf([sha1(body), 'EIO', 'ESTALE']);
      } finally {
        renameSync(`${partition}.away`, partition);
      }
    });
  });
}
