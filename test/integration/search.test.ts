/** What search finds, on a real mount: every path leads to the message that was found. */
import { expect } from 'chai';
import { createHash } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { runOurs } from '../support/backupdDaemon.ts';
import { START } from '../support/backups.ts';
import { makeFolder, run } from '../support/machine.ts';
import { annesStore } from '../support/mailStore.ts';
import type { MailStore } from '../support/mailStore.ts';
import { MountDaemon } from '../support/mountDaemon.ts';
import { needs } from '../support/needs.ts';

describe('search and the mount', function () {
  this.timeout(60_000);
  let store: MailStore;
  let mount: MountDaemon;
  let outside: string;

  before(async function () {
    needs(this, 'root', '/dev/fuse', 'the package mutt');
    store = await annesStore();
    await store.put('anne', 800, 'user.anne.Old', [[9, 3]]);
    mount = await MountDaemon.start(store.conf, []);
    outside = makeFolder('search');
  });
  after(async () => {
    await mount?.stop();
    await store?.remove();
    if (outside !== undefined) rmSync(outside, { recursive: true, force: true });
  });

  const search = (...args: string[]): ReturnType<typeof runOurs> =>
    runOurs('cyrus-backups', ['search', '-C', store.conf, '-A', ...args]);

  for (const time of ['', ` at:@${START + 450}`]) {
    it(`each path is the message that was found${time}`, async () => {
      const { stdout } = await search('--json', `number${time}`);
      const hits = stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as { guid: string; path: string });
      expect(hits.length).to.be.greaterThan(8);
      for (const { guid, path } of hits) {
        const bytes = readFileSync(join(mount.path, path));
        expect(createHash('sha1').update(bytes).digest('hex'), path).to.equal(guid);
      }
    });
  }

  it('--files goes through xargs to cp, and what is copied can be removed', async () => {
    const command = `node ${join(import.meta.dirname, '../../bin/cyrus-backups')} search -C ${store.conf} -A --files --mountpoint ${mount.path} 'subject:"number 4"' | xargs -0 cp -t ${outside}`;
    expect(await run('sh', ['-c', command])).to.deep.include({ code: 0 });
    expect(readFileSync(join(outside, '9.eml'), 'utf8')).to.include('Subject: number 4');
  });
});
