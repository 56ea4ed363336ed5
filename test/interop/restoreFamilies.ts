/** The rows about the way back: a user is lost with everything, and comes back as it was. */
import { buildMailboxes, changeMailboxes } from '../support/mailboxes.ts';
import { difference, removeUser, Restorer, stateOf } from '../support/restoring.ts';
import { expectThat, type Family } from './family.ts';
import type { Site } from './site.ts';

function restores(portOf: (site: Site) => number): Family['run'] {
  return async (site) => {
    const { master, backup } = site;
    await site.createUser('anne');
    await buildMailboxes(master, 'anne', { hasLarge: false });
    await changeMailboxes(master, 'anne');
    await site.sync('-u', 'anne');
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
];
