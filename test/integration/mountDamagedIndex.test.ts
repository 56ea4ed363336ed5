/** An index that is damaged while the mount reads by it: the mount reads the log instead, and the next index when there is one. */
import { expect } from 'chai';
import { closeSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { run } from '../support/machine.ts';
import { annesStore } from '../support/mailStore.ts';
import type { MailStore } from '../support/mailStore.ts';
import { MountDaemon } from '../support/mountDaemon.ts';
import { needs } from '../support/needs.ts';

const CTL_BACKUPS = new URL('../../bin/ctl_backups', import.meta.url).pathname;
const PAGE_BYTES = 4096;

for (const transport of ['kernel', 'fuse-native'] as const) {
  describe(`an index that is damaged under the mount over ${transport}`, function () {
    this.timeout(60_000);
    let store: MailStore;
    let mount: MountDaemon;
    let path: string;

    before(async function () {
      needs(this, 'root', '/dev/fuse');
      store = await annesStore();
      const backup = await store.backup('anne');
      path = backup.path;
      await store.site.close(backup);
      mount = await MountDaemon.start(store.conf, [`transport=${transport}`]);
    });
    after(async () => {
      await mount?.stop();
      await store?.remove();
    });

    /** Every message's name and bytes, past what the kernel keeps. */
    async function readAll(): Promise<string> {
      const read =
        'cd anne && find . -type f -name "*.eml" | sort | while read -r name; do sha1sum "$name" || exit 1; done';
      const flush = 'echo 3 > /proc/sys/vm/drop_caches 2>/dev/null';
      const { code, stdout, stderr } = await run('sh', ['-c', `${flush}; cd ${mount.path} && ${read}`]);
      expect([code, stderr]).to.deep.equal([0, '']);
      return stdout;
    }

    it('leaves every message as it was, says so once, and is mended by reindex', async () => {
      const before = await readAll();
      expect(before.split('\n').length).to.be.above(5);
      const fd = openSync(`${path}.index`, 'r+');
      const { size } = statSync(`${path}.index`);
      writeSync(fd, Buffer.alloc(size - PAGE_BYTES, 0x5a), 0, size - PAGE_BYTES, PAGE_BYTES);
      closeSync(fd);
      // The mount opens it again only where it has not kept it open.
      await mount.stop();
      mount = await MountDaemon.start(store.conf, [`transport=${transport}`]);
      expect(await readAll()).to.equal(before);
      expect(await readAll()).to.equal(before);
      const said = mount.log.split('\n').filter((each) => each.includes('the index is damaged'));
      expect(said, mount.log).to.have.length(1);
      expect(
        readFileSync(`${path}.index`)
          .subarray(PAGE_BYTES)
          .every((byte) => byte === 0x5a),
      ).to.equal(true);
      const { code } = await run(CTL_BACKUPS, ['-C', store.conf, 'reindex', 'anne']);
      expect(code).to.equal(0);
      expect(await readAll()).to.equal(before);
    });

    it('while it is open there costs nothing either, and a backupd mends it', async () => {
      const before = await readAll();
      const fd = openSync(`${path}.index`, 'r+');
      const { size } = statSync(`${path}.index`);
      writeSync(fd, Buffer.alloc(size - PAGE_BYTES, 0x5a), 0, size - PAGE_BYTES, PAGE_BYTES);
      closeSync(fd);
      expect(await readAll()).to.equal(before);
      await store.site.close(await store.site.open(path));
      expect(store.site.notices.join('\n')).to.match(/the index is damaged.*building it from the log/);
      expect(await readAll()).to.equal(before);
    });
  });
}
