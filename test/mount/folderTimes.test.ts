/** A folder's times on a real mount: they move when its content does and at no other time. */
import { expect } from 'chai';
import { appendFileSync, closeSync, mkdirSync, openSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Catalog } from '../../src/catalog/catalog.ts';
import { realDisk } from '../../src/fs/disk/realDisk.ts';
import { START } from '../support/backups.ts';
import { run, waitUntil } from '../support/machine.ts';
import { annesStore } from '../support/mailStore.ts';
import type { MailStore } from '../support/mailStore.ts';
import { MountDaemon } from '../support/mountDaemon.ts';
import { needs } from '../support/needs.ts';

const CTL_BACKUPS = new URL('../../bin/ctl_backups', import.meta.url).pathname;
/** The tree may go on with files that have been replaced for so long. */
const NOTICED_MS = 1500;

for (const transport of ['kernel', 'fuse-native'] as const) {
  describe(`times of folders over ${transport}`, function () {
    this.timeout(60_000);
    let store: MailStore;
    let mount: MountDaemon;

    beforeEach(async function () {
      needs(this, 'root', '/dev/fuse');
      store = await annesStore();
      const other = join(store.site.folder, 'other');
      mkdirSync(other);
      appendFileSync(store.conf, `backuppartition-other: ${other}\n`);
      mount = await start();
    });
    afterEach(async () => {
      await mount?.stop();
      await store?.remove();
    });

    const start = (): Promise<MountDaemon> => MountDaemon.start(store.conf, [`transport=${transport}`]);
    const dataFile = (): string => {
      const { catalogOptions } = store;
      const partitions = new Map(catalogOptions.partitions).set('other', join(store.site.folder, 'other'));
      const catalog = Catalog.open({ ...catalogOptions, partitions });
      const path = catalog.find('anne') ?? expect.fail('no backup');
      catalog.close();
      return path;
    };
    const times = async (): Promise<Record<string, string>> => {
      const command = `cd ${mount.path} && find . -type d -printf '%P|%i %T@ %C@\\n'`;
      const { stdout, stderr } = await run('sh', ['-c', command]);
      expect(stderr).to.equal('');
      const lines = stdout.trimEnd().split('\n');
      return Object.fromEntries(lines.map((line) => [line.split('|')[0] ?? '', line]));
    };
    const ctl = async (...args: string[]): Promise<void> => {
      const { code, stdout, stderr } = await run(CTL_BACKUPS, ['-C', store.conf, ...args]);
      expect(code, stdout + stderr).to.equal(0);
    };
    const noticed = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, NOTICED_MS));

    it('stay when a chunk is closed, the backup compacted and moved, and after a remount', async () => {
      // To the nanosecond: what only keeps parts of it is another time.
      const fd = openSync(dataFile(), 'r+');
      const { accessedNs, modifiedNs } = realDisk.getTimes(fd);
      realDisk.setTimes(fd, { accessedNs, modifiedNs: modifiedNs - (modifiedNs % 1000n) + 123n });
      closeSync(fd);
      const before = await times();
      expect(Object.keys(before)).to.include.members(['', 'anne', 'anne/INBOX', 'anne/2024']);
      await store.site.close(await store.backup('anne'));
      await noticed();
      expect(await times()).to.deep.equal(before);
      await ctl('-F', '--force-clock', 'compact', 'anne');
      await noticed();
      expect(await times()).to.deep.equal(before);
      await ctl('move', 'anne', 'other');
      await noticed();
      expect(await times()).to.deep.equal(before);
      expect(dataFile()).to.contain('/other/');
      await mount.stop();
      mount = await start();
      // The top has the time of backups.db, which the move has written to.
      const { '': top, ...others } = await times();
      expect({ ...others, '': before[''] }).to.deep.equal(before);
      expect(top).to.be.a('string');
    });

    it('move where a message comes, and where a folder goes, and are the same after a remount', async () => {
      const before = await times();
      await store.put('anne', 900, 'user.anne.2024', [[11, 2]]);
      const haveMoved = async (...paths: string[]): Promise<boolean> => {
        const now = await times();
        return paths.every((path) => now[path] !== before[path]);
      };
      await waitUntil(() => haveMoved('anne', 'anne/2024'), { what: () => 'the message' });
      const after = await times();
      expect(after['anne/INBOX']).to.equal(before['anne/INBOX']);
      expect(after['anne/2024']).to.contain(` ${START + 900}.`);
      const gone = `DELETED.user.anne.2024.v1^2 plans.${(START + 1000).toString(16).toUpperCase()}`;
      await store.say(
        'anne',
        1000,
        'RENAME',
        `%(OLDMBOXNAME "user.anne.2024.v1^2 plans" NEWMBOXNAME "${gone}")`,
      );
      await waitUntil(async () => (await times())['anne/2024'] !== after['anne/2024'], {
        what: () => 'the rename',
      });
      const last = await times();
      expect(last['anne/2024']).to.contain(` ${START + 1000}.`);
      await mount.stop();
      mount = await start();
      expect(await times()).to.deep.equal(last);
    });

    it('let tar end well while the backup that it reads is compacted and moved', async () => {
      await store.site.close(await store.backup('anne'));
      const action = join(store.site.folder, 'action');
      const ctlBackups = `${CTL_BACKUPS} -C ${store.conf}`;
      writeFileSync(
        action,
        `#!/bin/sh\n[ -e ${action}.done ] && exit\n>${action}.done\n${ctlBackups} -F --force-clock compact anne && ${ctlBackups} move anne other; sleep 1.5\n`,
        { mode: 0o700 },
      );
      const options = ['--checkpoint=1', `--checkpoint-action=exec=${action}`];
      const { code, stderr } = await run('tar', [...options, '-C', mount.path, '-cf', `${action}.tar`, '.']);
      expect([code, stderr]).to.deep.equal([0, '']);
      expect(dataFile()).to.contain('/other/');
    });

    it('are that moment with -o at', async () => {
      await mount.stop();
      mount = await MountDaemon.start(store.conf, [`transport=${transport}`, `at=@${START + 800}`]);
      const before = await times();
      utimesSync(dataFile(), 1, 2);
      await noticed();
      expect((await times())['anne']).to.equal(before['anne']);
      expect(before['anne']).to.contain(` ${START + 800}.`);
    });
  });
}
