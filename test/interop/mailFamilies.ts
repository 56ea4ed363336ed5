/** The rows about mail and folders. All are of one user, and each goes on from the one before. */
import { appendMessages, buildMailboxes, message } from '../support/mailboxes.ts';
import { anneDoes, as, expectThat, type Family } from './family.ts';
import { applied } from './site.ts';

export const mailFamilies: readonly Family[] = [
  {
    name: 'login, COMPRESS DEFLATE; a wrong password is refused',
    async run(site) {
      const server = { ...site.backup.address, password: 'wrong' };
      const { code } = await site.master.syncClient(['-A'], server, 4000);
      expectThat(code !== 0, 'a wrong password is let in');
      await site.createUser('anne');
      const said = (await site.sync('-u', 'anne')).map(({ command, reply }) => `${command} ${reply}`);
      for (const word of [/^AUTHENTICATE \S+.* OK /i, /^COMPRESS DEFLATE OK /]) {
        expectThat(
          said.some((line) => word.test(line)),
          `no ${word} in ${said.join('; ').slice(0, 200)}`,
        );
      }
    },
  },
  {
    name: 'first sync of nested folders, flags, 8-bit mail, annotations, scripts, quota, subscriptions',
    async run(site) {
      await buildMailboxes(site.master, 'anne', { hasLarge: false });
      await site.sync('-u', 'anne');
    },
  },
  {
    name: 'a second sync with nothing changed sends no APPLY',
    async run(site) {
      const sent = applied(await site.sync('-u', 'anne'));
      expectThat(sent.length === 0, sent.join('; '));
    },
  },
  {
    name: 'new mail, flags, keywords',
    run: anneDoes(async (client) => {
      await appendMessages(client, 'INBOX', 700, 4);
      await client.select('INBOX');
      await client.store('1:3', '+FLAGS.SILENT (\\Answered $Forwarded)');
      await client.store('2', '-FLAGS.SILENT (\\Seen)');
    }),
  },
  {
    name: 'single mailboxes (-m)',
    run: anneDoes((client) => client.append('INBOX', message(720)), '-m', 'user/anne', 'user/anne/Archive'),
  },
  {
    name: 'the same message twice in one mailbox, copied and moved to others',
    run: anneDoes(async (client) => {
      await client.append('INBOX', message(730));
      await client.append('INBOX', message(730));
      await client.select('INBOX');
      await client.command('UID COPY', '2', '"INBOX"');
      await client.command('UID COPY', '3', '"INBOX/Receipts"');
      await client.command('UID MOVE', '4', '"INBOX/Archive/2024"');
    }),
  },
  { name: 'expunged messages', run: anneDoes((client) => client.expunge('INBOX', '5:6')) },
  {
    name: 'expunged and cleaned up between two syncs, with changes besides',
    run: anneDoes(async (client, { master }) => {
      await client.expunge('INBOX', '8');
      await master.command('cyr_expire', ['-E', '1', '-X', '0']);
      await client.append('INBOX', message(740));
    }),
  },
  {
    name: 'folders made, renamed, deleted (DELETED)',
    run: anneDoes(async (client) => {
      await client.create('INBOX/New', 'INBOX/Doomed');
      await client.append('INBOX/Doomed', message(750));
      await client.command('RENAME', '"INBOX/Archive"', '"INBOX/Attic"');
      await client.command('DELETE', '"INBOX/Doomed"');
    }),
  },
  {
    name: 'a folder made anew under the name of a deleted one',
    run: anneDoes(async (client, site) => {
      await client.create('INBOX/Again');
      await client.append('INBOX/Again', message(751));
      await site.sync('-u', 'anne');
      await client.command('DELETE', '"INBOX/Again"');
      await client.create('INBOX/Again');
      await client.append('INBOX/Again', message(752));
    }),
  },
  {
    name: 'deleted folders purged (cyr_expire -D)',
    run: anneDoes((_, { master }) => master.command('cyr_expire', ['-E', '1', '-D', '0'])),
  },
  { name: 'intermediate mailboxes', run: anneDoes((client) => client.create('INBOX/Between/One/Two')) },
  {
    name: 'special use, given to a new folder',
    run: anneDoes((client) => client.command('CREATE', '"INBOX/Sent"', '(USE (\\Sent))')),
  },
  {
    name: 'annotations of a message, shared and private',
    run: anneDoes(async (client) => {
      await client.select('INBOX');
      await client.command('UID STORE', '1', 'ANNOTATION', '(/comment (value.shared "a note"))');
      await client.command('UID STORE', '2', 'ANNOTATION', '(/comment (value.priv "mine"))');
    }),
  },
  {
    name: 'annotations of a mailbox changed and removed',
    run: anneDoes(async (client) => {
      await client.command('SETMETADATA', '"INBOX/Receipts"', '(/shared/comment "changed")');
      await client.command('SETMETADATA', '"INBOX/Receipts"', '(/private/comment NIL)');
    }),
  },
  {
    name: 'access control lists',
    run: anneDoes((client) => client.command('SETACL', '"INBOX/Receipts"', 'bethany', 'lrs')),
  },
  {
    name: 'a mailbox in batches of five messages (-r, sync_batchsize)',
    own: { extraConf: 'sync_batchsize: 5\n' },
    async run(site) {
      await site.createUser('anne');
      await site.whileRolling();
      await as(site, 'anne', (client) => appendMessages(client, 'INBOX', 1, 23));
      const sent = applied(await site.whileRolling());
      await as(site, 'anne', async (client) => {
        await appendMessages(client, 'INBOX', 30, 12);
        await client.expunge('INBOX', '2:4');
        await client.store('5:9', '+FLAGS (\\Flagged)');
      });
      await site.whileRolling();
      // Not all versions make batches: how many there were is part of the outcome.
      const batches = sent.filter((line) => line.startsWith('APPLY MAILBOX')).length;
      return batches === 1 ? 'not in batches' : `${batches} batches`;
    },
  },
  {
    name: 'threads (conversations: yes)',
    own: { hasConversations: true },
    async run(site) {
      await site.createUser('anne');
      await buildMailboxes(site.master, 'anne', { hasLarge: false });
      await site.sync('-u', 'anne');
      await as(site, 'anne', async (client) => {
        await client.append('INBOX', message(3, 'A second of this Message-ID.\r\n'));
        await client.select('INBOX');
        await client.command('UID MOVE', '3', '"INBOX/Receipts"');
      });
      await site.sync('-u', 'anne');
    },
  },
];
