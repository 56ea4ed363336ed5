/** The recorded session of a real master, played to the server: what it holds afterwards is what the master held. */
import { expect } from 'chai';
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { BackupReader } from '../../src/backup/reader.ts';
import { livingMailboxes } from '../../src/index/queries/mailboxes.ts';
import { messageById } from '../../src/index/queries/messages.ts';
import { recordsOf } from '../../src/index/queries/records.ts';
import { sessionFrames } from '../support/sessionFrames.ts';
import type { CaptureName } from '../support/sessionFrames.ts';
import { SyncConnection } from '../support/syncConnection.ts';
import { valueOf } from './made.ts';
import { TestServer } from './testServer.ts';

interface TruthMessage {
  readonly uid: number;
  readonly size: number;
  readonly sha1: string;
}

interface TruthMailbox {
  readonly uniqueid: string;
  readonly sync_crc: number;
  readonly sync_crc_annot: number;
  readonly last_uid: number;
  readonly highestmodseq: number;
  readonly messages: readonly TruthMessage[];
}

interface Truth {
  readonly users: Record<string, { readonly mailboxes: Record<string, TruthMailbox> }>;
  readonly shared: Record<string, TruthMailbox>;
}

/** Below the sources, for compiled tests too. */
const FOLDER = new URL('../../../test/fixtures/session/', import.meta.url);

function truth(
  name: 'truth-a.json' | 'truth.json',
): [userid: string, mailboxes: Record<string, TruthMailbox>][] {
  const { users, shared } = JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as Truth;
  const own = Object.entries(users).map(([userid, { mailboxes }]): [string, Record<string, TruthMailbox>] => [
    userid,
    mailboxes,
  ]);
  return [...own, ['%SHARED', shared]];
}

describe('a recorded session of a real master', () => {
  let server: TestServer;
  const userids = ['anne', 'bethany', '%SHARED'];

  before(async () => {
    server = await TestServer.start();
  });

  after(() => server.stop());

  async function play(round: '01-initial' | '02-changes' | '03-noop'): Promise<void> {
    for (const who of ['anne', 'bethany', 'shared'] as const) {
      const name: CaptureName = `${round}-${who}`;
      const client = await SyncConnection.open(server.port);
      for (const frame of sessionFrames(name)) {
        const { reply } = await client.exchange(frame);
        expect(reply, `${name}: ${frame.toString('latin1', 0, 60)}`).to.match(/^OK /);
      }
      client.close();
    }
  }

  /** GET USER's lines by mailbox name, over a session of its own. */
  async function said(mailboxes: Record<string, TruthMailbox>): Promise<Map<string, string>> {
    const client = await server.login();
    const lines = new Map<string, string>();
    for (const name of Object.keys(mailboxes)) {
      const { untagged } = await client.exchange(`GET MAILBOXES ("${name}")\r\n`);
      lines.set(name, untagged.join(''));
    }
    await client.exchange('EXIT\r\n');
    return lines;
  }

  async function expectTruth(name: 'truth-a.json' | 'truth.json'): Promise<void> {
    for (const [userid, mailboxes] of truth(name)) {
      for (const [mailbox, line] of await said(mailboxes)) {
        const {
          uniqueid,
          sync_crc,
          sync_crc_annot,
          last_uid: lastUid,
          highestmodseq,
        } = mailboxes[mailbox] as TruthMailbox;
        const keys = { UNIQUEID: uniqueid, SYNC_CRC: sync_crc, SYNC_CRC_ANNOT: sync_crc_annot };
        for (const [key, value] of Object.entries({
          ...keys,
          LAST_UID: lastUid,
          HIGHESTMODSEQ: highestmodseq,
        })) {
          expect(valueOf(line, key), `${mailbox} ${key}`).to.equal(String(value));
        }
      }
      expect(stored(userid), userid).to.deep.equal(expected(mailboxes));
    }
  }

  const expected = (mailboxes: Record<string, TruthMailbox>): Record<string, TruthMessage[]> =>
    Object.fromEntries(
      Object.entries(mailboxes)
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, { messages }]) => [name, messages.map(({ uid, size, sha1 }) => ({ uid, size, sha1 }))]),
    );

  /** The living messages as their bytes in the data file are. */
  function stored(userid: string): Record<string, TruthMessage[]> {
    const reader = new BackupReader(server.dataPath(userid));
    try {
      const found: Record<string, TruthMessage[]> = {};
      for (const { id, name } of livingMailboxes(reader.index)) {
        const living = [...recordsOf(reader.index, id)].filter(({ expunged }) => expunged === null);
        found[name] = living.map(({ uid, messageId, size }) => {
          const message = messageById(reader.index, messageId);
          if (message === undefined) throw new Error(`${name} ${uid}: no message`);
          const bytes = reader.read(message, 0, size);
          return { uid, size: bytes.length, sha1: createHash('sha1').update(bytes).digest('hex') };
        });
      }
      return found;
    } finally {
      reader.close();
    }
  }

  it('round 1: CRCs, modseqs and every message are the master’s', async () => {
    await play('01-initial');
    await expectTruth('truth-a.json');
  });

  it('round 2: and so after its changes', async () => {
    await play('02-changes');
    await expectTruth('truth.json');
  });

  it('round 3: where nothing changed, no mailbox is written again, and the index stays as it was', async () => {
    const lines = (): number[] =>
      userids.map((userid) => server.dataText(userid).split(' APPLY MAILBOX ').length);
    const before = lines();
    const sizes = userids.map((userid) => statSync(server.dataPath(userid)).size);
    await play('03-noop');
    expect(lines()).to.deep.equal(before);
    for (const [at, userid] of userids.entries()) {
      const grownBytes = statSync(server.dataPath(userid)).size - (sizes[at] as number);
      expect(grownBytes, userid).to.be.lessThan(500);
    }
    await expectTruth('truth.json');
  });

  it('the second time from the beginning, no message is stored twice', async () => {
    const count = (): number[] => userids.map((userid) => server.dataText(userid).split('%{default ').length);
    const before = count();
    const client = await server.login();
    for (const frame of sessionFrames('01-initial-bethany').slice(1)) await client.exchange(frame);
    expect(count()).to.deep.equal(before);
  });
});
