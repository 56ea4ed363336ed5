/** A mount for a group: real accounts, and made-up ones, on a real mount. */
import { expect } from 'chai';
import { chmodSync, chownSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { makeFolder, run } from '../support/machine.ts';
import type { Outcome } from '../support/machine.ts';
import { annesStore } from '../support/mailStore.ts';
import type { MailStore } from '../support/mailStore.ts';
import { MountDaemon } from '../support/mountDaemon.ts';
import { needs } from '../support/needs.ts';

const BIN = new URL('../../bin/', import.meta.url).pathname;

/** Accounts and groups that no machine has. */
const HELPDESK = 4711;
const GROUP = 4242;
const NOBODY = 65_534;

for (const transport of ['kernel', 'fuse-native'] as const) {
  describe(`a mount for a group, over ${transport}`, function () {
    this.timeout(60_000);
    let store: MailStore;
    let mount: MountDaemon | undefined;
    let scratch: string;

    before(async function () {
      needs(this, 'root', '/dev/fuse');
      store = await annesStore();
      chmodSync(store.site.folder, 0o755);
      scratch = makeFolder('groups');
    });
    afterEach(async () => {
      await mount?.stop();
      mount = undefined;
    });
    after(async () => {
      await store?.remove();
      if (scratch !== undefined) rmSync(scratch, { recursive: true, force: true });
    });

    async function mounted(...options: string[]): Promise<string> {
      mount = await MountDaemon.start(store.conf, [`transport=${transport}`, ...options]);
      chmodSync(dirname(mount.path), 0o755);
      return mount.path;
    }

    function as(uid: number, groups: readonly number[], command: string): Promise<Outcome> {
      const ids = ['--reuid', String(uid), '--regid', String(uid)];
      const more = groups.length === 0 ? ['--clear-groups'] : ['--groups', groups.join(',')];
      return run('setpriv', [...ids, ...more, 'sh', '-c', command], { cwd: '/' });
    }

    it('lets the group of -o gid= read with umask=027, and nobody else', async () => {
      const path = await mounted('allow_other', `gid=${GROUP}`, 'umask=027');
      const read = `cat ${path}/anne/INBOX/2.eml | wc -c`;
      expect(Number((await as(HELPDESK, [GROUP], read)).stdout)).to.be.greaterThan(0);
      expect((await as(NOBODY, [], read)).stderr).to.include('Permission denied');
      expect((await as(HELPDESK, [], `ls ${path}`)).stderr).to.include('Permission denied');
      const { stdout } = await run('stat', [
        '-c',
        '%a %u:%g',
        path,
        `${path}/anne`,
        `${path}/anne/INBOX/2.eml`,
      ]);
      expect(stdout).to.equal(`750 0:${GROUP}\n750 0:${GROUP}\n640 0:${GROUP}\n`);
    });

    it('shows the modes of dmode= and fmode=, which win over umask=', async () => {
      const path = await mounted('allow_other', 'dmode=0555', 'fmode=444', 'umask=077');
      const { stdout } = await run('stat', [
        '-c',
        '%a',
        path,
        `${path}/anne/INBOX`,
        `${path}/anne/INBOX/2.eml`,
      ]);
      expect(stdout).to.equal('555\n555\n444\n');
      expect((await as(NOBODY, [], `cat ${path}/anne/INBOX/2.eml`)).code).to.equal(0);
    });

    it('stays read-only, whatever the modes say', async () => {
      const path = await mounted('allow_other', `uid=${HELPDESK}`, 'umask=000');
      const tried = await as(
        HELPDESK,
        [],
        `echo x >> ${path}/anne/INBOX/2.eml; rm -rf ${path}/anne/INBOX; mkdir ${path}/x`,
      );
      expect(tried.stderr.match(/Read-only file system/g)?.length).to.be.at.least(3);
    });

    it('gives copies that their maker can remove again', async () => {
      const path = await mounted('allow_other', `uid=${HELPDESK}`);
      const copies = join(scratch, `copies-${transport}`);
      mkdirSync(copies);
      chownSync(copies, HELPDESK, HELPDESK);
      const { code, stderr } = await as(
        HELPDESK,
        [],
        `cp -r ${path}/anne ${copies}/plain && cp -a ${path}/anne ${copies}/all && rm -r ${copies}/plain ${copies}/all </dev/null`,
      );
      expect(stderr).to.equal('');
      expect(code).to.equal(0);
    });

    it('df shows the size and the number of the mail', async () => {
      const path = await mounted();
      const { stdout: list } = await run('sh', ['-c', `find ${path} -type f -printf '%s\\n'`]);
      const sizes = list.trim().split('\n').map(Number);
      const bytes = sizes.reduce((sum, size) => sum + size, 0);
      const { stdout } = await run('df', ['-B4096', '--output=size,used,avail,itotal', path]);
      const [size, used, free, files] = (stdout.trim().split('\n')[1] ?? '').trim().split(/\s+/).map(Number);
      expect([size, used, free, files]).to.deep.equal([
        Math.ceil(bytes / 4096),
        Math.ceil(bytes / 4096),
        0,
        sizes.length,
      ]);
    });
  });
}

describe('names in a mount with owner=map', function () {
  this.timeout(60_000);

  it('look missing to all but their user, root, and the owner of the mount', async function () {
    needs(this, 'root', '/dev/fuse');
    const store = await annesStore();
    chmodSync(store.site.folder, 0o755);
    let mount: MountDaemon | undefined;
    try {
      mount = await MountDaemon.start(store.conf, ['transport=kernel', 'allow_other', 'owner=map']);
      chmodSync(dirname(mount.path), 0o755);
      const asNobody = (name: string): Promise<Outcome> =>
        run('setpriv', [
          '--reuid',
          '65534',
          '--regid',
          '65534',
          '--clear-groups',
          'stat',
          `${mount?.path}/${name}`,
        ]);
      const said = async (name: string): Promise<string> =>
        (await asNobody(name)).stderr.replaceAll(name, 'NAME');
      const before = await said('anne');
      expect(before).to.include('No such file or directory');
      expect(await said('nobody-such')).to.equal(before);
      // root has looked: the kernel knows the name now, and still does not tell.
      expect((await run('ls', ['-l', mount.path, `${mount.path}/anne`])).code).to.equal(0);
      expect(await said('anne')).to.equal(before);
      expect((await run('stat', [`${mount.path}/anne`])).code).to.equal(0);
    } finally {
      await mount?.stop();
      await store.remove();
    }
  });
});

describe('allow_other alone, as root', function () {
  it('is refused with the reason, because it would let nobody in', async function () {
    needs(this, 'root');
    const { code, stderr } = await run(join(BIN, 'cyrus-backups'), [
      'mount',
      '/nowhere',
      '-o',
      'allow_other',
    ]);
    expect(code).to.equal(64);
    expect(stderr).to.include('nobody but root would see anything').and.include('umask=027');
  });
});
