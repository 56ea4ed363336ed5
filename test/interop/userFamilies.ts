/** The rows about users, what belongs to them, and what is damaged here. */
import { IndexFile } from '../../src/index/store/indexFile.ts';
import { heldRecords } from '../support/heldRecords.ts';
import { message } from '../support/mailboxes.ts';
import { backedUp, recordsOf, recordsOfMessages } from '../support/records.ts';
import { anneDoes, as, expectThat, type Family } from './family.ts';
import { applied, type Site } from './site.ts';

/** Damages anne's index, which a sync is to mend; on the master nothing may change by it. */
function mends(...damage: string[]): (site: Site) => Promise<void> {
  return async (site) => {
    const before = JSON.stringify([...(await site.master.truth('anne'))]);
    const index = IndexFile.open(`${await fileOf(site, 'anne')}.index`, 'write');
    for (const statement of damage) index?.run(statement);
    index?.close();
    await site.sync('-u', 'anne');
    const after = JSON.stringify([...(await site.master.truth('anne'))]);
    expectThat(before === after, 'the master is not what it was');
  };
}

async function fileOf(site: Site, user: string): Promise<string> {
  const path = await site.backup.dataFile(user);
  if (path === undefined) throw new Error(`${user} has no backup`);
  return path;
}

/** A user is called something else from now on, and the backup is to follow. */
async function renameUser(
  site: Site,
  from: string,
  to: string,
  sync: (work: () => Promise<void>) => Promise<unknown>,
) {
  await site.master.addAccount(to);
  const file = await fileOf(site, from);
  site.users[site.users.indexOf(from)] = to;
  await sync(() => site.asAdmin(`RENAME user/${from} user/${to}`));
  expectThat((await site.backup.dataFile(to)) === file, 'the backup did not follow');
}

export const userFamilies: readonly Family[] = [
  {
    name: 'quota: changed, of two resources, removed',
    async run(site) {
      for (const limits of ['STORAGE 300000', 'STORAGE 300000 MESSAGE 5000', '']) {
        await site.asAdmin(`SETQUOTA user/anne (${limits})`);
        await site.sync('-u', 'anne');
      }
    },
  },
  {
    name: 'subscriptions: taken, given up',
    run: anneDoes(async (client) => {
      await client.command('UNSUBSCRIBE', '"INBOX/Receipts"');
      await client.command('SUBSCRIBE', '"INBOX/New"');
    }),
  },
  {
    name: 'sieve scripts: put, activated, none active, deleted',
    async run(site) {
      for (const step of ['put', 'activate', 'deactivate', 'delete']) {
        const sieve = await site.master.sieve('anne');
        if (step === 'put') await sieve.put('late', '# late\r\nkeep;\r\n');
        else if (step === 'delete') await sieve.delete('late');
        else await sieve.activate(step === 'activate' ? 'late' : '');
        sieve.close();
        await site.sync('-u', 'anne');
      }
    },
  },
  {
    name: "seen state of another's folder",
    async run(site) {
      await site.createUser('bethany');
      await as(site, 'bethany', async (client) => {
        await client.select('user/anne/Receipts');
        await client.store('1', '+FLAGS (\\Seen)');
      });
      const sent = applied(await site.sync('-u', 'anne', 'bethany'));
      expectThat(
        sent.some((line) => line.startsWith('APPLY SEEN')),
        `no SEEN in ${sent.join('; ')}`,
      );
    },
  },
  {
    name: 'shared mailboxes (%SHARED)',
    async run(site) {
      await site.asAdmin('CREATE team', 'CREATE team/minutes', 'SETACL team/minutes anne lrswip');
      const held = await as(site, 'anne', async (client) => {
        await client.append('team/minutes', message(760), { flags: '\\Flagged' });
        return recordsOfMessages(await client.messages('team/minutes'));
      });
      await site.sync('-m', 'team', 'team/minutes');
      const ours = recordsOf(heldRecords(await fileOf(site, '%SHARED'), 'team.minutes'));
      expectThat(JSON.stringify(ours) === JSON.stringify(held), JSON.stringify([ours, held]));
      const sent = applied(await site.sync('-m', 'team', 'team/minutes'));
      expectThat(sent.length === 0, sent.join('; '));
    },
  },
  {
    name: 'a user of a virtual domain, with a dot in the name',
    async run(site) {
      await site.createUser('fay.green@example.com');
      await as(site, 'fay.green@example.com', async (client) => {
        await client.create('INBOX/v1.2');
        await client.append('INBOX/v1.2', message(765));
      });
      await site.sync('-u', 'fay.green@example.com');
    },
  },
  { name: 'all users (-A)', run: anneDoes((client) => client.append('INBOX', message(770)), '-A') },
  {
    name: 'rolling (-r)',
    async run(site) {
      await site.whileRolling(() =>
        as(site, 'anne', async (client) => {
          await client.append('INBOX', message(780));
          await client.command('RENAME', '"INBOX/Attic"', '"INBOX/Cellar"');
          await client.command('UNSUBSCRIBE', '"INBOX/New"');
          await client.command('DELETE', '"INBOX/Between/One/Two"');
        }),
      );
    },
  },
  {
    name: 'annotations of the server (-r)',
    async run(site) {
      const sent = applied(
        await site.whileRolling(() => site.asAdmin('SETMETADATA "" (/shared/comment "of all")')),
      );
      const said = sent.filter((line) => line.startsWith('APPLY ANNOTATION')).length;
      expectThat(said > 0, `no ANNOTATION in ${sent.join('; ')}`);
    },
  },
  {
    name: 'a folder moved to another user (-r)',
    async run(site) {
      const moved = [
        'RENAME user/anne/New user/bethany/Loan',
        'SETACL user/bethany/Loan bethany lrswipkxtecda',
      ];
      await site.whileRolling(() => site.asAdmin(...moved));
      expectThat((await backedUp(site.backup, 'bethany')).has('user.bethany.Loan'), 'it did not come');
    },
  },
  {
    name: 'a message lost here comes again, and nothing changes on the master',
    run: mends('UPDATE message SET chunk_id = NULL, offset = NULL WHERE id % 3 = 0'),
  },
  {
    name: 'records lost here come again, and nothing changes on the master',
    run: mends('DELETE FROM record WHERE uid % 2 = 0', 'UPDATE mailbox SET crc = 4711, resend = 1'),
  },
  {
    name: 'a user renamed (-A)',
    // The first run finds a user whom we did not know; what the old one had is taken back by the second.
    run: (site) =>
      renameUser(site, 'anne', 'annette', async (rename) => {
        await rename();
        await site.sync('-A');
        await site.sync('-A');
      }),
  },
  {
    name: 'a user renamed (-r)',
    run: (site) => renameUser(site, 'bethany', 'beth', (rename) => site.whileRolling(rename)),
  },
  {
    name: 'a user deleted (-r): the backup stays, with nothing living in it',
    async run(site) {
      await site.createUser('erin');
      await as(site, 'erin', (client) => client.append('INBOX', message(790)));
      await site.sync('-u', 'erin');
      site.users.splice(site.users.indexOf('erin'), 1);
      await site.asAdmin('SETACL user/erin admin lrswipkxtecda');
      await site.whileRolling(() => site.asAdmin('DELETE user/erin'));
      const living = [...(await backedUp(site.backup, 'erin')).keys()];
      expectThat(living.length === 0, `still living: ${living.join(', ')}`);
      await fileOf(site, 'erin');
    },
  },
];
