/** What backupd logs and records of the rounds of a real sync_client. */
import { expect } from 'chai';
import { join } from 'node:path';
import { StatusReader } from '../../src/status/statusReader.ts';
import type { Master, UserResults } from '../../src/status/types.ts';
import { BackupServer } from '../support/backupdDaemon.ts';
import { CyrusMaster } from '../support/cyrus.ts';
import { waitUntil } from '../support/machine.ts';
import { buildMailboxes } from '../support/mailboxes.ts';
import { cyrusRequirements, needs } from '../support/needs.ts';

describe('the rounds of a real sync_client', function () {
  this.timeout(120_000);
  let master: CyrusMaster;
  let backup: BackupServer;
  let seenLog = 0;

  before(async function () {
    needs(this, ...cyrusRequirements);
    [master, backup] = await Promise.all([CyrusMaster.start(), BackupServer.start()]);
    for (const user of ['anne', 'bethany']) {
      await master.createUser(user);
      await buildMailboxes(master, user);
    }
  });

  after(() => Promise.all([master?.stop(), backup?.stop()]));

  /** The rounds logged since the last call: user and counts. */
  function rounds(): Record<string, string | number>[] {
    const text = backup.log.slice(seenLog);
    seenLog = backup.log.length;
    return [...text.matchAll(/ sync (user=.*)$/gm)].map(([, line = '']) =>
      Object.fromEntries(
        line.split(' ').map((pair) => {
          const [name = '', value = ''] = pair.split('=');
          return [name, name === 'user' ? value : Number(value)];
        }),
      ),
    );
  }

  async function sync(...args: string[]): Promise<Record<string, string | number>[]> {
    const { code, stdout, stderr } = await master.syncClient(args, backup.address);
    expect(code, stdout + stderr + backup.log).to.equal(0);
    return rounds();
  }

  function read<T>(work: (reader: StatusReader) => T): T {
    const reader = StatusReader.open(join(backup.folder, 'conf/backups.db'), (text) => expect.fail(text));
    try {
      return work(reader);
    } finally {
      reader.close();
    }
  }

  /** What is known of a user once a sync after `since` is known. */
  async function known(user: string, since: number): Promise<UserResults> {
    const results = (): UserResults => read((reader) => reader.readUser(user));
    await waitUntil(() => (results().ok.sync?.at ?? 0) > since, { what: () => backup.log });
    return results();
  }

  it('with -u and new mail: one line with what came, one result', async () => {
    const [anne, ...others] = await sync('-u', 'anne');
    expect(others).to.deep.equal([]);
    expect(anne).to.include({ user: 'anne' });
    expect(anne?.['new']).to.be.greaterThan(5);
    expect(anne?.['bytes']).to.be.greaterThan(30_000_000);
    const { ok, failed } = await known('anne', 0);
    expect(ok.sync?.figures).to.include({ new: anne?.['new'], missing: 0 });
    expect(ok.compare?.at).to.equal(ok.sync?.at);
    expect(failed).to.deep.equal({});
  });

  it('with -u and nothing new: a success all the same', async () => {
    const before = Date.now() / 1000;
    const [anne] = await sync('-u', 'anne');
    expect(anne).to.include({ user: 'anne', changed: 0, new: 0, bytes: 0 });
    expect(anne?.['mailboxes']).to.be.greaterThan(1);
    await known('anne', before);
  });

  it('with -A: a line for each user', async () => {
    const all = await sync('-A');
    expect(all.map(({ user }) => user)).to.include.members(['anne', 'bethany']);
    const lines = all.filter(({ user }) => user === 'bethany');
    expect(lines).to.have.length(1);
  });

  it('with -r: the user with a change is named, the lag is known, the others count as followed', async () => {
    const before = Date.now() / 1000;
    const rolling = master.rolling(backup.address);
    try {
      const client = await master.imap('bethany');
      await client.append('INBOX', Buffer.from('Subject: news\r\n\r\nnews\r\n'));
      client.close();
      const results = await known('bethany', before);
      expect(results.ok.sync?.figures?.['new']).to.equal(1);
      const masters = (): Master[] => read((reader) => reader.readMasters());
      await waitUntil(() => (masters()[0]?.rollingAt ?? 0) > before, { what: () => backup.log });
      expect(masters()[0]?.lagSeconds).to.be.lessThan(60);
      expect(rounds().some(({ user, new: count }) => user === 'bethany' && count === 1)).to.equal(true);
    } finally {
      await rolling.stop();
    }
  });
});
