/**
 * A store of more users than the mount watches one by one: they cost little memory, and what changes is seen all the same. The
 * figures for 100,000 of them, and for mailboxes of a million messages, are of test/soak/mountScale.soak.ts.
 */
import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { Catalog } from '../../src/catalog/catalog.ts';
import { addMessages, addUsers, userNumber } from '../support/largeStore.ts';
import { MailStore } from '../support/mailStore.ts';
import { run, waitUntil } from '../support/machine.ts';
import { MountDaemon } from '../support/mountDaemon.ts';
import { needs } from '../support/needs.ts';

const USERS = 12_000;
/** Before, as many took over 100. */
const MAX_GROWTH_KIB = 60 * 1024;

describe('the mount of very many users', function () {
  this.timeout(60_000);

  let store: MailStore;
  let mount: MountDaemon;

  before(async function () {
    needs(this, 'root', '/dev/fuse');
    store = new MailStore();
    await store.put('template', 0, 'user.template', [[1, 1]]);
    const template = await store.backup('template');
    await store.site.close(template);
    addUsers(store, template.path, USERS, 5);
    await addMessages(store, 'anne', 'user.anne', 1, 3);
    mount = await MountDaemon.start(store.conf, ['transport=kernel']);
  });

  after(async () => {
    await mount?.stop();
    await store?.remove();
  });

  async function shell(command: string): Promise<string> {
    const { code, stdout, stderr } = await run('sh', ['-c', command], { cwd: mount.path });
    expect(code, stderr).to.equal(0);
    return stdout.trim();
  }

  function residentKib(): number {
    const status = readFileSync(`/proc/${mount.pid}/status`, 'latin1');
    return Number(/VmRSS:\s*(\d+)/.exec(status)?.[1]);
  }

  it('lists and stats all of them in little memory, however often', async () => {
    const beforeKib = residentKib();
    for (let round = 0; round < 3; round += 1)
      expect(await shell('ls -l | grep -c ^d')).to.equal(String(USERS + 2));
    expect(residentKib() - beforeKib).to.be.below(MAX_GROWTH_KIB);
    expect(await shell(`ls ${userNumber(3)}/INBOX ${userNumber(USERS - 1)}/INBOX | grep -c eml`)).to.equal(
      '2',
    );
  });

  it('shows new mail, new folders, and users that come and go', async () => {
    expect(await shell('ls anne; ls anne/INBOX | wc -l')).to.equal('INBOX\n3');
    await addMessages(store, 'anne', 'user.anne', 4, 4);
    await addMessages(store, 'anne', 'user.anne.Plans', 1, 2);
    const shows = async (command: string, wanted: string): Promise<void> => {
      let shown = '';
      await waitUntil(async () => (shown = await shell(command)) === wanted, { what: () => shown });
    };
    await shows('ls anne/INBOX | wc -l', '4');
    await shows('ls anne; ls anne/Plans | wc -l', 'INBOX\nPlans\n2');
    const catalog = Catalog.open(store.catalogOptions);
    catalog.rename(userNumber(0), 'zoe');
    catalog.close();
    await shows(`ls | grep -e ^zoe -e '^${userNumber(0)}$'`, 'zoe');
    await shows(`ls zoe/INBOX; test -e ${userNumber(0)} || echo gone`, '1.eml\ngone');
  });
});
