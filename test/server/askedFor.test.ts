import { expect } from 'chai';
import type { SyncConnection } from '../support/syncConnection.ts';
import { apply, guidOf, message, upload, valueOf } from './made.ts';
import { TestServer } from './testServer.ts';

describe('a mailbox with a message that the master cannot send', () => {
  const bodies = ['one', 'two', 'three'].map(message);
  let server: TestServer;
  let client: SyncConnection;

  beforeEach(async () => {
    server = await TestServer.start();
    client = await server.login();
  });
  afterEach(() => server.stop());

  async function ok(command: string | Buffer): Promise<string[]> {
    const { untagged, reply } = await client.exchange(command);
    expect(reply).to.match(/^OK /);
    return untagged;
  }
  const shown = async (name: string): Promise<string | undefined> =>
    (await ok(`GET MAILBOXES (${name})\r\n`))[0];

  const [one, , three] = bodies.map(guidOf);
  const withNil = (): Buffer => {
    const text = upload(bodies[0] as string, bodies[2] as string).toString('latin1');
    return Buffer.from(text.replace(` %{default ${three}`, ` NIL %{default ${three}`), 'latin1');
  };
  const size = (): number => server.dataText('anne').length;

  it('and which sent NIL in its place, is answered OK, and shown as it is', async () => {
    await ok(withNil());
    await ok(apply({ name: 'user.anne', bodies }));
    const line = await shown('user.anne');
    expect([valueOf(line, 'LAST_UID'), valueOf(line, 'HIGHESTMODSEQ')]).to.deep.equal(['3', '4']);
    expect(server.logged(`no whole file of message ${guidOf(bodies[1] as string)}`)).to.equal(true);
  });

  it('and which did not send what RESERVE said is missing, likewise', async () => {
    await ok(upload(bodies[0] as string, bodies[2] as string));
    await ok(
      `APPLY RESERVE %(PARTITION default MBOXNAME (user.anne) GUID (${bodies.map(guidOf).join(' ')}))\r\n`,
    );
    await ok(apply({ name: 'user.anne', bodies }));
    expect(valueOf(await shown('user.anne'), 'LAST_UID')).to.equal('3');
  });

  it('NIL for another mailbox does not count', async () => {
    await ok(withNil());
    await ok(apply({ name: 'user.anne.Other', bodies: [bodies[0] as string] }));
    expect((await client.exchange(apply({ name: 'user.anne', bodies }))).reply).to.match(
      /^NO IMAP_SYNC_CHECKSUM/,
    );
  });

  it('the same said over and over is not written again', async () => {
    await ok(withNil());
    await ok(apply({ name: 'user.anne', bodies }));
    const before = size();
    for (let round = 0; round < 3; round += 1) {
      await client.exchange('RESTART\r\n');
      await ok(`APPLY RESERVE %(PARTITION default MBOXNAME (user.anne) GUID (${one}))\r\n`);
      await ok(apply({ name: 'user.anne', bodies }));
    }
    expect(size()).to.equal(before);
  });

  it('USER asks for it again, once in a session; a change of its record asks for it, too', async () => {
    await ok(withNil());
    await ok(apply({ name: 'user.anne', bodies }));
    const user = async (): Promise<string | undefined> =>
      valueOf((await ok('GET USER anne\r\n'))[0], 'LAST_UID');
    expect([await user(), await user()]).to.deep.equal(['1', '3']);
    await client.exchange(apply({ name: 'user.anne', bodies, uids: [2], flags: '\\Seen' }));
    expect(valueOf(await shown('user.anne'), 'LAST_UID')).to.equal('1');
  });
});
