/**
 * A disk that takes its time, or none at all, keeps those waiting who read from it, and nobody else. The kernel transport only: libfuse's
 * high level answers one request after another.
 */
import { expect } from 'chai';
import { createHash, randomBytes } from 'node:crypto';
import { cpSync, mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { apply, idOf, message, upload } from '../server/made.ts';
import { BackupServer } from '../support/backupdDaemon.ts';
import { GatedDisk } from '../support/gatedDisk.ts';
import { makeFolder, run } from '../support/machine.ts';
import type { Outcome } from '../support/machine.ts';
import { MountDaemon } from '../support/mountDaemon.ts';
import { needs } from '../support/needs.ts';
import { SyncConnection } from '../support/syncConnection.ts';

const MESSAGES = 400;
/** Ten MB, so that little of it is read with what an opening of the backup looks at. */
const bodies = Array.from(
  { length: MESSAGES },
  (_, at) => message(`m${at}`) + randomBytes(12_500).toString('hex'),
);
const sums = bodies.map((body) => createHash('sha1').update(body, 'latin1').digest('hex'));
const FAR_APART = [120, 180, 240, 300, 360];

describe('a mount of which a disk stands still', function () {
  this.timeout(60_000);
  let backup: BackupServer;
  let disk: GatedDisk;
  let mount: MountDaemon;
  let bound = '';

  before(async function () {
    needs(this, 'root', '/dev/fuse', 'loop devices', 'the package e2fsprogs');
    backup = await BackupServer.start();
    for (const userid of ['anne', 'ben']) {
      const master = await SyncConnection.login(backup.address);
      const name = `user.${userid}`;
      for (let at = 0; at < MESSAGES; at += 100) {
        expect((await master.exchange(upload(...bodies.slice(at, at + 100)))).reply).to.match(/^OK/);
      }
      expect((await master.exchange(apply({ name, bodies, uniqueid: idOf(name) }))).reply).to.match(/^OK/);
      master.close();
    }
    await backup.kill();
    const path = (await backup.dataFile('anne')) ?? '';
    const content = join(makeFolder('content'), 'files');
    mkdirSync(content);
    cpSync(path, join(content, basename(path)), { preserveTimestamps: true });
    disk = await GatedDisk.start(content);
    expect((await run('mount', ['--bind', join(disk.path, basename(path)), path])).code).to.equal(0);
    bound = path;
    mount = await MountDaemon.start(backup.conf);
    // Opened while the disk is well.
    expect((await inMount('sha1sum ben/INBOX/1.eml anne/INBOX/1.eml')).code).to.equal(0);
  });
  after(async () => {
    disk?.open();
    await mount?.stop();
    if (bound !== '') await run('umount', [bound]);
    await disk?.stop();
    await backup?.stop();
  });

  const inMount = (command: string, timeoutMs = 20_000): Promise<Outcome> =>
    // Not as its cwd: where the mount hangs, so would who starts it.
    run('sh', ['-c', `cd "$0" || exit; ${command}`, mount.path], { timeoutMs });
  const sumOf = (userid: string, uid: number): string => `${sums[uid - 1]}  ${userid}/INBOX/${uid}.eml\n`;

  it('goes on for all others, and for those who read from it when it does', async () => {
    let answered = 0;
    disk.close();
    const readers = FAR_APART.map(async (uid) => {
      const outcome = await inMount(`sha1sum anne/INBOX/${uid}.eml`, 50_000);
      answered += 1;
      return outcome.stdout;
    });
    try {
      const all = await inMount('ls -lR . | wc -l');
      expect(Number(all.stdout), all.stderr).to.be.above(2 * MESSAGES);
      const bens = await inMount('cat ben/INBOX/*.eml | sha1sum');
      const whole = createHash('sha1');
      for (const at of [...bodies.keys()].toSorted((a, b) => (`${a + 1}.eml` < `${b + 1}.eml` ? -1 : 1))) {
        whole.update(bodies[at] ?? '', 'latin1');
      }
      expect(bens.stdout).to.equal(`${whole.digest('hex')}  -\n`);
      expect(answered).to.equal(0);
    } finally {
      disk.open();
    }
    expect(await Promise.all(readers)).to.deep.equal(FAR_APART.map((uid) => sumOf('anne', uid)));
  });

  it('tells who gave up waiting nothing, and forgets the request', async () => {
    disk.close();
    const gaveUp = await inMount(
      'timeout -s KILL 1 cat anne/INBOX/150.eml & timeout -s KILL 1 cat anne/INBOX/250.eml; wait; cat ben/INBOX/7.eml | sha1sum',
    );
    expect(gaveUp.stdout).to.include(sums[6] ?? '');
    disk.open();
    const { stdout } = await inMount('sha1sum anne/INBOX/150.eml anne/INBOX/250.eml');
    expect(stdout).to.equal(sumOf('anne', 150) + sumOf('anne', 250));
    expect(mount.log).to.not.match(/READ/);
  });

  it('gives everybody the right bytes while the disk stands still again and again', async () => {
    const wanted = [...bodies.keys()].map((at) => sumOf('anne', at + 1)).toSorted();
    const over = new AbortController();
    const flap = async (): Promise<void> => {
      while (!over.signal.aborted) {
        disk.close();
        await sleep(30);
        disk.open();
        await sleep(20);
      }
    };
    const flapping = flap();
    const readers = Array.from({ length: 6 }, () =>
      inMount('ls anne/INBOX | shuf | sed s,^,anne/INBOX/, | xargs sha1sum', 50_000),
    );
    const lists = await Promise.all(readers);
    over.abort();
    await flapping;
    for (const { stdout, stderr } of lists) {
      expect(stdout.split(/(?<=\n)/).toSorted(), stderr).to.deep.equal(wanted);
    }
  });
});
