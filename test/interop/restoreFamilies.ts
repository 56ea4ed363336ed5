/** The rows about the way back: a user is lost with everything, and comes back as it was. */
import { buildMailboxes, changeMailboxes } from '../support/mailboxes.ts';
import { onMaster } from '../support/records.ts';
import { difference, removeUser, Restorer, stateOf, total } from '../support/restoring.ts';
import { expectThat, type Family } from './family.ts';
import { Site } from './site.ts';

async function fill(site: Site): Promise<void> {
  await site.createUser('anne');
  await buildMailboxes(site.master, 'anne', { hasLarge: false });
  await changeMailboxes(site.master, 'anne');
  await site.sync('-u', 'anne');
}

function restores(portOf: (site: Site) => number): Family['run'] {
  return async (site) => {
    const { master, backup } = site;
    await fill(site);
    const truth = await stateOf(master, 'anne');
    await removeUser(master, 'anne');
    expectThat((await stateOf(master, 'anne')).length === 0, 'the user is still there');
    const restorer = new Restorer(backup, master.syncServer);
    const report = await restorer.report('-a', '-U', '-D', `127.0.0.1:${portOf(site)}`, 'anne');
    expectThat(report.failures.length === 0, report.failures.join('; '));
    const differing = difference(truth, await stateOf(master, 'anne'));
    expectThat(differing.length === 0, differing.join('; '));
  };
}

/** From a backup that Debian's Cyrus made: servers of different versions tell each other different things. */
async function comesFromDebian(site: Site): Promise<void> {
  const source = await Site.start(undefined, { hasConversations: true });
  try {
    await fill(source);
    await site.master.addAccount('anne');
    const restorer = new Restorer(source.backup, site.master.syncServer);
    const address = `127.0.0.1:${site.master.syncServer.port}`;
    const first = await restorer.report('-a', '-U', address, 'anne');
    expectThat(first.failures.length === 0, first.failures.join('; '));
    const again = await restorer.report('-a', '-U', address, 'anne');
    expectThat(total(again, 'added') + total(again, 'changed') === 0, 'a second restore changes something');
    const [there, here] = [await onMaster(source.master, 'anne'), await onMaster(site.master, 'anne')];
    expectThat(JSON.stringify([...there]) === JSON.stringify([...here]), 'the records are others');
    site.users.push('anne');
    await site.sync('-A');
  } finally {
    await source.stop();
  }
}

export const restoreFamilies: readonly Family[] = [
  {
    name: 'a lost user with threads restored over imapd, as it was',
    own: { hasConversations: true },
    run: restores(({ master }) => master.imapPort),
  },
  {
    name: 'a lost user with threads restored over sync_server, as it was',
    own: { hasConversations: true },
    run: restores(({ master }) => master.syncServer.port),
  },
  {
    name: "a user of Debian's 3.6.1 restored to it, twice",
    own: { hasConversations: true },
    run: comesFromDebian,
  },
];
