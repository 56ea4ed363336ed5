import { expect } from 'chai';
import { readdirSync } from 'node:fs';
import type { SyncConnection } from '../support/syncConnection.ts';
import { waitUntil } from '../support/machine.ts';
import { apply, guidOf, message, upload } from './made.ts';
import { TestServer } from './testServer.ts';

const occurrences = (text: string, part: string): number => text.split(part).length - 1;

describe('uploaded messages', () => {
  let server: TestServer;
  let client: SyncConnection;

  beforeEach(async () => {
    server = await TestServer.start();
    client = await server.login();
  });

  afterEach(() => server.stop());

  async function ok(command: string | Buffer): Promise<string[]> {
    const { untagged, reply } = await client.exchange(command);
    expect(reply).to.equal('OK Success');
    return untagged;
  }

  it('are stored with the user whose mailbox records them, and with nobody else', async () => {
    const [annes, bethanys] = [message('letter for anne'), message('letter for bethany')];
    await ok(upload(annes, bethanys)); // one command, not reserved, of two users
    await ok(apply({ name: 'user.anne', bodies: [annes] }));
    await ok(apply({ name: 'user.bethany', bodies: [bethanys] }));
    expect(occurrences(server.dataText('anne'), 'about letter for anne.')).to.equal(1);
    expect(server.dataText('anne')).not.to.contain('bethany');
    expect(occurrences(server.dataText('bethany'), 'about letter for bethany.')).to.equal(1);
    expect(server.dataText('bethany')).not.to.contain('letter for anne');
  });

  it('that two users have are stored with both, though uploaded once', async () => {
    const common = message('newsletter');
    await ok(upload(common, message('of nobody')));
    await ok(apply({ name: 'user.anne', bodies: [common] }));
    await ok(apply({ name: 'user.bethany', bodies: [common] }));
    for (const userid of ['anne', 'bethany']) {
      expect(occurrences(server.dataText(userid), 'about newsletter.'), userid).to.equal(1);
      expect(server.dataText(userid)).not.to.contain('of nobody');
    }
    expect(server.logged('were not sent')).to.equal(false);
  });

  it('that two mailboxes of one user record are stored once', async () => {
    const body = message('copied');
    await ok(upload(body));
    await ok(apply({ name: 'user.anne', bodies: [body] }));
    await ok(apply({ name: 'user.anne.Archive', bodies: [body] }));
    expect(occurrences(server.dataText('anne'), 'about copied.')).to.equal(1);
  });

  it('come in any order, from several uploads, large ones among them, and each only once', async () => {
    const bodies = Array.from({ length: 40 }, (_, number) =>
      message(`${number}.`).repeat(number % 7 === 0 ? 3000 : 1),
    );
    await ok(upload(...bodies.slice(20).toReversed()));
    await ok(upload(...bodies.slice(0, 20), bodies[5] as string));
    await ok(apply({ name: 'user.anne', bodies, uids: [3, 30, 8, 21] }));
    await ok(apply({ name: 'user.anne', bodies }));
    const text = server.dataText('anne');
    for (const body of bodies) expect(occurrences(text, guidOf(body) + ` ${body.length}}`)).to.equal(1);
    expect(server.logged('were not sent')).to.equal(false);
    expect(occurrences(server.records('anne', 'user.anne'), '%(UID ')).to.equal(40);
  });

  it('are forgotten with RESTART, and said to be', async () => {
    const body = message('forgotten');
    await ok(upload(body));
    expect((await client.exchange('RESTART\r\n')).reply).to.equal('OK Restarting');
    expect(server.logged('1 uploaded messages were claimed by no mailbox')).to.equal(true);
    const { reply } = await client.exchange(apply({ name: 'user.anne', bodies: [body] }));
    expect(reply).to.equal('NO IMAP_SYNC_CHECKSUM Checksum failure');
    expect(server.dataText('anne')).not.to.contain('about forgotten.');
  });

  it('of a peer that vanishes in mid-message are dropped with their files and locks; the next goes on', async () => {
    const large = message('large').repeat(20_000);
    await ok(apply({ name: 'user.anne' })); // holds the lock
    const bytes = upload(...Array.from({ length: 8 }, (_, number) => `${number}${large}`));
    await client.send(bytes.subarray(0, bytes.length - 1000));
    client.close();
    await waitUntil(() => server.logged('closed,'), { what: () => server.log.join('\n') });
    expect(
      readdirSync(server.folder).filter((name) => !/^(data|(backups|inboxes)\.db.*)$/.test(name)),
    ).to.deep.equal([]);
    client = await server.login();
    await ok(upload(message('next')));
    await ok(apply({ name: 'user.anne', bodies: [message('next')] }));
    expect(server.dataText('anne')).to.contain('about next.').and.not.contain('large');
  });

  it('are not MISSING while they wait, and are where only one of two users has them', async () => {
    const [annes, fresh] = [message('of anne'), message('fresh')];
    const reserve = (names: string): string =>
      `APPLY RESERVE %(PARTITION default MBOXNAME (${names}) GUID (${guidOf(annes)} ${guidOf(fresh)}))\r\n`;
    const missing = (...bodies: string[]): string[] =>
      bodies.length === 0 ? [] : [`* MISSING (${bodies.map(guidOf).join(' ')})`];
    expect(await ok(reserve('user.anne'))).to.deep.equal(missing(annes, fresh));
    await ok(upload(annes));
    await ok(apply({ name: 'user.anne', bodies: [annes] }));
    expect(await ok(reserve('user.anne'))).to.deep.equal(missing(fresh));
    expect(await ok(reserve('user.anne user.bethany'))).to.deep.equal(missing(annes, fresh));
    await ok(upload(fresh));
    expect(await ok(reserve('user.anne'))).to.deep.equal([]);
    expect(server.catalog.find('bethany'), 'RESERVE makes no backup').to.equal(null);
  });

  it('of another user are MISSING again after RESTART, where the copy could not be taken from', async () => {
    const body = message('shared by two');
    await ok(upload(body));
    await ok(apply({ name: 'user.anne', bodies: [body] }));
    await client.exchange('RESTART\r\n');
    await client.exchange(apply({ name: 'user.bethany', bodies: [body] }));
    const reserve = `APPLY RESERVE %(PARTITION default MBOXNAME (user.bethany) GUID (${guidOf(body)}))\r\n`;
    expect(await ok(reserve)).to.deep.equal([`* MISSING (${guidOf(body)})`]);
  });
});
