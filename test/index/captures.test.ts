import { itemsAt } from '../../src/index/queries/items.ts';
import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { fold } from '../../src/index/fold/fold.ts';
import { IndexFile } from '../../src/index/store/indexFile.ts';
import { livingMailboxes } from '../../src/index/queries/mailboxes.ts';
import { messageById } from '../../src/index/queries/messages.ts';
import { recordsOf } from '../../src/index/queries/records.ts';
import type { LiveMailbox } from '../../src/index/types.ts';
import { backupUseridOf } from '../../src/mailbox/names.ts';
import { readSession, sourceOf } from '../protocol/sources.ts';
import { sessionFrames } from '../support/sessionFrames.ts';
import type { CaptureName } from '../support/sessionFrames.ts';
import { START } from '../support/backups.ts';

interface Truth {
  readonly mailboxes: Record<string, { messages: { uid: number; sha1: string; flags: string[] }[] }>;
  readonly subscriptions: string[];
  readonly sieve: Record<string, object>;
}

const truth = JSON.parse(
  readFileSync(new URL('../../../test/fixtures/session/truth.json', import.meta.url), 'utf8'),
) as { users: Record<string, Truth>; shared: Truth['mailboxes'] };

describe('folding a recorded session', () => {
  const indexes = new Map<string, IndexFile>();

  before(async () => {
    for (const [round, prefix] of (['01-initial', '02-changes', '03-noop'] as const).entries()) {
      for (const who of ['anne', 'bethany', 'shared'] as const) {
        if (!indexes.has(who)) indexes.set(who, IndexFile.create(':memory:'));
        await foldCapture(indexes.get(who) as IndexFile, `${prefix}-${who}`, START + round * 100);
        for (const mailbox of livingMailboxes(indexes.get(who) as IndexFile)) expectSentCrcs(mailbox);
      }
    }
  });
  after(() => {
    for (const index of indexes.values()) index.close();
  });

  async function foldCapture(index: IndexFile, capture: CaptureName, time: number): Promise<void> {
    const { commands, errors } = await readSession(
      sourceOf(Buffer.concat(sessionFrames(capture)).toString('latin1')),
    );
    expect(errors).to.deep.equal([]);
    for (const { verb, name, value } of commands) {
      if (verb === 'APPLY' && name !== null && value !== undefined) fold(index, { time, name, value }, 1);
    }
  }

  function expectSentCrcs({ name, crc, crcAnnot, sentCrc, sentCrcAnnot }: LiveMailbox): void {
    expect({ name, crc, crcAnnot }).to.deep.equal({ name, crc: sentCrc, crcAnnot: sentCrcAnnot });
  }

  it('computes the checksums that the master sent, after each round', () => {
    const count = [...indexes.values()].reduce((sum, index) => sum + [...livingMailboxes(index)].length, 0);
    expect(count).to.be.above(12);
  });

  it('gives exactly the master’s own mailboxes, records and flags', () => {
    const all = [...Object.values(truth.users).map(({ mailboxes }) => mailboxes), truth.shared];
    const expected = all.flatMap((mailboxes) => Object.entries(mailboxes));
    const found: Record<string, unknown> = {};
    for (const [who, index] of indexes) {
      for (const mailbox of livingMailboxes(index)) {
        expect(backupUseridOf(mailbox.name)).to.equal(who === 'shared' ? '%SHARED' : who);
        found[mailbox.name] = [...recordsOf(index, mailbox.id, null, 'living')].map((row) => ({
          uid: row.uid,
          size: row.size,
          internaldate: row.internaldate,
          flags: row.flags
            .split(' ')
            .filter((flag) => flag !== '')
            .toSorted(),
          sha1: messageById(index, row.messageId)?.guid,
        }));
      }
    }
    const messages = expected.map(([name, mailbox]) => [name, mailbox.messages]);
    expect(found).to.deep.equal(Object.fromEntries(messages));
  });

  it('gives the master’s scripts and subscriptions', () => {
    for (const [user, { sieve, subscriptions }] of Object.entries(truth.users)) {
      const index = indexes.get(user) as IndexFile;
      expect(itemsAt(index, 'sub', null)).to.have.length(subscriptions.length);
      const names = itemsAt(index, 'sieve', null).map(({ key }) => key.replace('.script', ''));
      expect(names).to.have.members(Object.keys(sieve ?? {}));
    }
  });
});
