/** What the options of the tree change, on a real mount. */
import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { START, guidOf } from '../support/backups.ts';
import { makeFolder, run, waitUntil } from '../support/machine.ts';
import { MailStore, annesStore, mailNumber } from '../support/mailStore.ts';
import { MountDaemon } from '../support/mountDaemon.ts';
import { needs } from '../support/needs.ts';

const PROGRAMS = new URL('../../bin/', import.meta.url).pathname;

for (const transport of ['kernel', 'fuse-native'] as const) {
  describe(`options of the tree over ${transport}`, function () {
    this.timeout(60_000);
    const stores: MailStore[] = [];
    const mounts: MountDaemon[] = [];
    const folders: string[] = [];

    before(function () {
      needs(this, 'root', '/dev/fuse', 'the package rsync');
    });
    afterEach(async () => {
      for (const mount of mounts.splice(0)) await mount.stop();
      for (const store of stores.splice(0)) await store.remove();
      for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
    });

    const annes = async (): Promise<MailStore> => {
      const store = await annesStore();
      stores.push(store);
      return store;
    };
    const mounted = async (store: MailStore, ...options: string[]): Promise<MountDaemon> => {
      const mount = await MountDaemon.start(store.conf, [`transport=${transport}`, ...options]);
      mounts.push(mount);
      return mount;
    };
    const folder = (): string => {
      const path = makeFolder('options');
      folders.push(path);
      return path;
    };
    const linesOf = async (mount: MountDaemon, command: string): Promise<string[]> => {
      const { stdout, stderr } = await run('sh', ['-c', `cd ${mount.path} && ${command}`]);
      expect(stderr, command).to.equal('');
      return stdout === '' ? [] : stdout.trim().split('\n');
    };

    it('listall shows the hidden names', async () => {
      const mount = await mounted(await annes(), 'listall');
      expect(await linesOf(mount, 'ls -A')).to.have.members(['anne', 'bob', '.status.json', '.metrics']);
      expect(await linesOf(mount, 'ls -A anne')).to.have.members(
        '2024 INBOX deleted .at .chunks .deleted .maildir .mbox .mh .sieve .status.json .subscriptions'.split(
          ' ',
        ),
      );
      expect(await linesOf(mount, 'find anne/.deleted -maxdepth 1')).to.include('anne/.deleted/.maildir');
    });

    it('view=maildir, mh and mbox make that the user’s folder, with the others under their names', async () => {
      const store = await annes();
      const mount = await mounted(store, 'view=maildir');
      expect(await linesOf(mount, 'ls -A anne')).to.have.members([
        '.2024',
        '.2024.v1%2E2 plans',
        '.%64eleted',
        'cur',
        'new',
        'tmp',
        'dovecot-keywords',
      ]);
      expect(await linesOf(mount, 'ls anne/.plain/INBOX anne/.at/now/cur | wc -l')).to.deep.equal(['7']);
      const mh = await mounted(store, 'view=mh');
      expect(await linesOf(mh, 'ls anne/INBOX anne/.deleted/INBOX')).to.include.members(['1', '2', '3']);
      const mbox = await mounted(store, 'view=mbox');
      expect(await linesOf(mbox, 'ls anne')).to.deep.equal([
        '2024',
        '2024.mbox',
        'INBOX.mbox',
        'deleted.mbox',
      ]);
    });

    it('users= shows those users only', async () => {
      const store = await annes();
      const mount = await mounted(store, 'users=b?b', 'users=zo*');
      expect(await linesOf(mount, 'ls')).to.deep.equal(['bob']);
      expect((await run('ls', [join(mount.path, 'anne')])).stderr).to.contain('No such file');
    });

    it('at= freezes the whole mount', async () => {
      const store = await annes();
      const mount = await mounted(store, `at=@${START + 150}`);
      expect(await linesOf(mount, 'ls anne anne/INBOX')).to.deep.equal([
        'anne:',
        '2024',
        'INBOX',
        '',
        'anne/INBOX:',
        '1.eml',
        '2.eml',
        '3.eml',
      ]);
      await store.put('anne', 800, 'user.anne.New', [[1, 10]]);
      expect(await linesOf(mount, 'ls anne')).to.deep.equal(['2024', 'INBOX']);
      expect((await run('ls', [join(mount.path, 'anne/.at')])).code).to.not.equal(0);
    });

    it('hardlinks gives copies of a message one inode, so that tar stores them once', async () => {
      const store = await annes();
      await store.put('anne', 800, 'user.anne.Copies', [
        [7, 1],
        [2, 2],
        [8, 1],
        [3, 3],
        [9, 4],
      ]);
      const mount = await mounted(store, 'hardlinks');
      const stat = (path: string) => linesOf(mount, `stat -c '%i %h' anne/${path}`);
      // INTERNALDATE goes with the UID here: UID 7, 2, 3 and 9 are copies of others, and UID 8 only has the bytes.
      expect(await stat('Copies/2.eml')).to.deep.equal(await stat('INBOX/2.eml'));
      expect((await stat('Copies/2.eml'))[0]).to.match(/ 2$/);
      expect((await stat('Copies/8.eml'))[0]).to.match(/ 1$/);
      const archive = join(folder(), 'mail.tar');
      await run('tar', ['-C', mount.path, '-cf', archive, 'anne']);
      const { stdout } = await run('tar', ['-tvf', archive]);
      const links = stdout.split('\n').filter((line) => line.startsWith('h'));
      expect(links).to.have.length(4);
      const target = folder();
      await run('tar', ['-C', target, '-xf', archive]);
      expect((await run('sh', ['-c', `sha1sum < ${target}/anne/Copies/9.eml`])).stdout).to.equal(
        `${guidOf(mailNumber(4))}  -\n`,
      );
      const synced = folder();
      await run('rsync', ['-aHX', `${mount.path}/`, synced]);
      const again = await run('rsync', ['-aHXi', `${mount.path}/`, synced]);
      expect(again.stdout).to.equal('');
      const at = await mounted(store, 'hardlinks', `at=@${START + 800}`);
      expect(await linesOf(at, "stat -c '%i %h' anne/INBOX/2.eml")).to.deep.equal(await stat('INBOX/2.eml'));
    });

    it('owner=map and a map file let users at their own mail and hide all else', async () => {
      const store = new MailStore();
      stores.push(store);
      for (const user of ['mail', 'games', 'nobody.such@example.com']) {
        await store.put(user, 0, user.includes('@') ? 'example.com!user.nobody^such' : `user.${user}`, [
          [1, 1],
        ]);
      }
      const map = join(store.site.folder, 'owners');
      writeFileSync(map, '# who is who\nmail games\nnobody.such@example.com 1234:5678\n');
      const byName = await mounted(store, 'allow_other', 'owner=map');
      const byFile = await mounted(store, 'allow_other', `owner=${map}`);
      for (const path of [store.site.folder, ...[byName, byFile].map((mount) => join(mount.path, '..'))]) {
        chmodSync(path, 0o755);
      }
      const as = (user: string, mount: MountDaemon, command: string) =>
        run('setpriv', [
          '--reuid',
          user,
          '--regid',
          user,
          '--clear-groups',
          'sh',
          '-c',
          `cd ${mount.path} && ${command}`,
        ]);
      expect((await as('mail', byName, 'cat mail/INBOX/1.eml | sha1sum')).stdout).to.contain(
        guidOf(mailNumber(1)),
      );
      // fuse-native does not tell who asks, so a name that exists cannot be hidden.
      const hidden = transport === 'kernel' ? 'No such file or directory' : 'Permission denied';
      expect((await as('mail', byName, 'ls games')).stderr).to.contain(hidden);
      expect((await as('mail', byName, 'ls')).stderr).to.contain('Permission denied');
      expect((await as('games', byFile, 'ls mail/INBOX')).stdout).to.equal('1.eml\n');
      expect((await as('mail', byFile, 'ls mail/INBOX')).stderr).to.contain(hidden);
      expect(await linesOf(byFile, "stat -c '%u:%g %a' nobody.such@example.com games .")).to.deep.equal([
        '1234:5678 700',
        '0:0 700',
        '0:0 711',
      ]);
    });

    it('snapshot keeps a user’s tree at one moment while a folder of it is open', async () => {
      const store = await annes();
      const mount = await mounted(store, 'snapshot');
      const holder = spawn('sh', ['-c', 'exec 3<.; echo held; read line; ls INBOX; ls'], {
        cwd: join(mount.path, 'anne'),
      });
      let said = '';
      holder.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
      await waitUntil(() => said.includes('held'), { what: () => 'the folder is not open' });
      await store.put('anne', 2000, 'user.anne.New', [[1, 10]]);
      await store.flag('anne', 2000, 'user.anne', [[2, 2, '\\Expunged']]);
      // What the kernel was told before may be believed for a second.
      await new Promise((resolve) => setTimeout(resolve, 1100));
      holder.stdin.end('go\n');
      await new Promise((resolve) => holder.on('close', resolve));
      expect(said).to.equal('held\n2.eml\n3.eml\n2024\nINBOX\ndeleted\n');
      await waitUntil(
        async () => (await run('ls', [join(mount.path, 'anne')])).stdout === '2024\nINBOX\nNew\ndeleted\n',
        { what: () => 'the present is not seen' },
      );
    });

    it('a partition that is gone is an error, and rsync --delete deletes nothing for it', async () => {
      const store = await annes();
      const mount = await mounted(store);
      const copy = folder();
      expect((await run('rsync', ['-a', `${mount.path}/`, copy])).code).to.equal(0);
      await mount.stop();
      mounts.length = 0;
      const partition = join(store.site.folder, 'partition');
      renameSync(partition, `${partition}.away`);
      mkdirSync(partition);
      const again = await mounted(store);
      expect((await run('ls', [join(again.path, 'anne')])).stderr).to.contain('Input/output error');
      expect(await linesOf(again, 'ls')).to.deep.equal(['anne', 'bob']);
      expect((await run('rsync', ['-a', '--delete', `${again.path}/`, copy])).code).to.equal(23);
      expect((await run('find', [copy, '-name', '*.eml'])).stdout.trim().split('\n')).to.have.length(7);
      expect(again.log).to.contain('is not where backups.db has it');
      rmSync(partition, { recursive: true });
      renameSync(`${partition}.away`, partition);
      expect((await run('ls', [join(again.path, 'anne/INBOX')])).stdout).to.equal('2.eml\n3.eml\n');
    });

    it('refuses to be mounted over its store, or in it', async () => {
      const store = await annes();
      const partition = join(store.site.folder, 'partition');
      for (const [path, why] of [
        [partition, 'would hide the backups'],
        [store.site.folder, 'would hide the backups'],
        [join(partition, 'a'), 'is among the backups'],
      ] as const) {
        const args = ['mount', '-C', store.conf, path, '-f', '-o', `nonempty,transport=${transport}`];
        const { code, stderr } = await run(`${PROGRAMS}cyrus-backups`, args);
        expect(code).to.equal(64);
        expect(stderr).to.contain(why);
      }
    });

    it('is mounted by mount(8) as fstab has it', async () => {
      const store = await annes();
      const path = folder();
      const helper = `${PROGRAMS}mount-cyrus-backups`;
      const options = `rw,nofail,_netdev,x-systemd.automount,user=root,users=anne,transport=${transport}`;
      const { code, stderr } = await run(helper, [
        store.conf,
        path,
        '-n',
        '-o',
        options,
        '-t',
        'fuse.cyrus-backups',
      ]);
      expect([code, stderr]).to.deep.equal([0, '']);
      try {
        expect((await run('ls', [path])).stdout).to.equal('anne\n');
        const { stdout } = await run('findmnt', ['-no', 'SOURCE,FSTYPE', path]);
        expect(stdout.trim().split(/\s+/)).to.deep.equal([store.conf, 'fuse.cyrus-backups']);
      } finally {
        await run('umount', [path]);
      }
      expect((await run(helper, ['-f', store.conf, path])).code).to.equal(0);
      expect((await run(helper, [store.conf])).stderr).to.contain(
        'mount.cyrus-backups: MOUNTPOINT is missing',
      );
    });
  });
}
