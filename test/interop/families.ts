/** The rows of the matrix in docs/interop.md: what is done on a master, and how its sync_client is run then. */
import { IndexFile } from '../../src/index/indexFile.ts';
import type { BackupServer } from '../support/backupdDaemon.ts';
import type { CyrusMaster } from '../support/cyrus.ts';
import type { ImapClient } from '../support/imapClient.ts';
import { appendMessages, buildMailboxes, message } from '../support/mailboxes.ts';
import { waitUntil } from '../support/machine.ts';

export interface Site {
  readonly master: CyrusMaster;
  readonly backup: BackupServer;
  /** Those whose backups are compared with the master; a renamed one is put in by the new name. */
  readonly users: string[];
  /** Runs sync_client through a proxy; throws where it fails or is refused. */
  sync(...args: string[]): Promise<void>;
}

export interface Family {
  readonly name: string;
  run(site: Site): Promise<void>;
}

const anneDoes =
  (what: (client: ImapClient, site: Site) => Promise<unknown>, ...args: string[]): Family['run'] =>
  async (site) => {
    const client = await site.master.imap('anne');
    try {
      await what(client, site);
    } finally {
      client.close();
    }
    await site.sync(...(args.length === 0 ? ['-u', 'anne'] : args));
  };

async function asAdmin({ master }: Site, ...commands: string[]): Promise<void> {
  const admin = await master.admin();
  try {
    for (const command of commands) await admin.command(command);
  } finally {
    admin.close();
  }
}

export const families: readonly Family[] = [
  {
    name: 'first sync of a user: nested folders, flags, 8-bit mail, annotations, special use, sieve, quota, subscriptions',
    async run(site) {
      await site.master.createUser('anne');
      await buildMailboxes(site.master, 'anne', { hasLarge: false });
      site.users.push('anne');
      await site.sync('-u', 'anne');
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
    name: 'sync of single mailboxes (-m)',
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
  { name: 'expunge', run: anneDoes((client) => client.expunge('INBOX', '5:6')) },
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
    name: 'intermediate mailboxes',
    run: anneDoes((client) => client.create('INBOX/Between/One/Two')),
  },
  {
    name: 'annotations of a message',
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
    name: 'quota changed, and removed',
    async run(site) {
      await asAdmin(site, 'SETQUOTA user/anne (STORAGE 300000)');
      await site.sync('-u', 'anne');
      await asAdmin(site, 'SETQUOTA user/anne ()');
      await site.sync('-u', 'anne');
    },
  },
  {
    name: 'subscriptions',
    run: anneDoes(async (client) => {
      await client.command('UNSUBSCRIBE', '"INBOX/Receipts"');
      await client.command('SUBSCRIBE', '"INBOX/New"');
    }),
  },
  {
    name: 'sieve: put, activate, none active',
    async run(site) {
      for (const step of ['put', 'other', 'none']) {
        const sieve = await site.master.sieve('anne');
        if (step === 'put') await sieve.put('late', '# late\r\nkeep;\r\n');
        else await sieve.activate(step === 'other' ? 'late' : '');
        sieve.close();
        await site.sync('-u', 'anne');
      }
    },
  },
  {
    name: "seen state of another's folder",
    async run(site) {
      await site.master.createUser('bethany');
      site.users.push('bethany');
      const client = await site.master.imap('bethany');
      await client.select('user/anne/Receipts');
      await client.store('1', '+FLAGS (\\Seen)');
      client.close();
      await site.sync('-u', 'anne', 'bethany');
    },
  },
  {
    name: 'shared mailboxes',
    async run(site) {
      await asAdmin(site, 'CREATE team', 'CREATE team/minutes', 'SETACL team/minutes anne lrswip');
      const client = await site.master.imap('anne');
      await client.append('team/minutes', message(760));
      client.close();
      await site.sync('-m', 'team', 'team/minutes');
    },
  },
  {
    name: 'all users (-A)',
    run: anneDoes((client) => client.append('INBOX', message(770)), '-A'),
  },
  {
    name: 'rolling (-r)',
    async run({ master, backup }) {
      const rolling = master.rolling(backup.address);
      try {
        const client = await master.imap('anne');
        await client.append('INBOX', message(780));
        await client.command('UNSUBSCRIBE', '"INBOX/New"');
        client.close();
        await waitUntil(() => master.hasCaughtUp(), { timeoutMs: 30_000, what: () => rolling.output });
      } finally {
        await rolling.stop();
      }
    },
  },
  {
    name: 'a message lost here comes again, and nothing changes on the master',
    async run(site) {
      const before = JSON.stringify([...(await site.master.truth('anne'))]);
      const path = (await site.backup.dataFile('anne')) ?? '';
      const index = IndexFile.open(`${path}.index`, 'write');
      index?.run(`UPDATE message SET chunk_id = NULL, offset = NULL WHERE id % 3 = 0`);
      index?.close();
      await site.sync('-u', 'anne');
      const after = JSON.stringify([...(await site.master.truth('anne'))]);
      if (before !== after) throw new Error('the master is not what it was');
    },
  },
  {
    name: 'an index that lost records: all are sent again, and nothing changes on the master',
    async run(site) {
      const before = JSON.stringify([...(await site.master.truth('anne'))]);
      const path = (await site.backup.dataFile('anne')) ?? '';
      const index = IndexFile.open(`${path}.index`, 'write');
      index?.run('DELETE FROM record WHERE uid % 2 = 0');
      index?.run('UPDATE mailbox SET crc = 4711, resend = 1');
      index?.close();
      await site.sync('-u', 'anne');
      const after = JSON.stringify([...(await site.master.truth('anne'))]);
      if (before !== after) throw new Error('the master is not what it was');
    },
  },
  {
    name: 'a renamed user',
    async run(site) {
      await site.master.addAccount('annette');
      const file = await site.backup.dataFile('anne');
      await asAdmin(site, 'RENAME user/anne user/annette');
      // The first run finds a user whom we did not know; what the old one had is taken back by the second.
      await site.sync('-A');
      await site.sync('-A');
      site.users[site.users.indexOf('anne')] = 'annette';
      if ((await site.backup.dataFile('annette')) !== file) throw new Error('the backup did not follow');
    },
  },
  {
    name: 'login with a wrong password is refused',
    async run({ master, backup }) {
      const server = { ...backup.address, password: 'wrong' };
      const { code } = await master.syncClient(['-u', 'bethany'], server, 4000);
      if (code === 0) throw new Error('it was let in');
    },
  },
];
