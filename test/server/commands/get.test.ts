import { expect } from 'chai';
import type { SyncConnection } from '../../support/syncConnection.ts';
import { apply, guidOf, idOf, message, upload, valueOf } from '../made.ts';
import { TestServer } from '../testServer.ts';

const names = (lines: string[]): (string | undefined)[] => lines.map((line) => valueOf(line, 'MBOXNAME'));

describe('GET', () => {
  let server: TestServer;
  let client: SyncConnection;
  const bodies = [message('one'), message('two'), message('three')];

  beforeEach(async () => {
    server = await TestServer.start();
    client = await server.login();
  });

  afterEach(() => server.stop());

  async function ok(command: string | Buffer): Promise<string[]> {
    const { untagged, reply } = await client.exchange(command);
    expect(reply, command.toString().slice(0, 60)).to.equal('OK Success');
    return untagged;
  }

  const shown = async (name: string): Promise<string | undefined> =>
    (await ok(`GET MAILBOXES (${name})\r\n`))[0];

  it('of what is not there says nothing, and makes no backup', async () => {
    for (const command of [
      'USER anne',
      'META anne',
      'MAILBOXES (user.anne team)',
      'UNIQUEIDS (x y)',
      'MAILBOXES ()',
    ]) {
      expect(await ok(`GET ${command}\r\n`), command).to.deep.equal([]);
    }
    const { untagged, reply } = await client.exchange('GET FULLMAILBOX user.anne\r\n');
    expect([untagged, reply]).to.deep.equal([[], 'NO IMAP_MAILBOX_NONEXISTENT No Such Mailbox']);
    expect(server.catalog.find('anne')).to.equal(null);
  });

  it('MAILBOXES takes names of several users and leaves out those that are not there', async () => {
    await ok(apply({ name: 'user.anne' }));
    await ok(apply({ name: 'user.bethany.Sent Items' }));
    const lines = await ok('GET MAILBOXES (user.anne user.carl "user.bethany.Sent Items" user.anne.Not)\r\n');
    expect(names(lines)).to.deep.equal(['user.anne', '"user.bethany.Sent Items"']);
  });

  it('USER lists living and deleted-namespace mailboxes of that user alone', async () => {
    await ok(apply({ name: 'user.anne' }));
    await ok(apply({ name: 'DELETED.user.anne.Old.6B040911' }));
    await ok(apply({ name: 'user.annette' }));
    expect(names(await ok('GET USER anne\r\n'))).to.deep.equal([
      'DELETED.user.anne.Old.6B040911',
      'user.anne',
    ]);
  });

  it('UNIQUEIDS finds mailboxes of the backups at hand', async () => {
    await ok(apply({ name: 'user.anne' }));
    await ok(apply({ name: 'user.bethany' }));
    const lines = await ok(`GET UNIQUEIDS (${idOf('user.bethany')} unknown)\r\n`);
    expect(names(lines)).to.deep.equal(['user.bethany']);
  });

  const malformed = [
    'USER (anne)',
    'META %(A 1)',
    'MAILBOXES user.anne',
    'UNIQUEIDS x',
    'FULLMAILBOX (x)',
    'USER NIL',
  ];
  for (const command of malformed) {
    it(`${command} is refused`, async () => {
      expect((await client.exchange(`GET ${command}\r\n`)).reply).to.match(
        /^NO IMAP_PROTOCOL_BAD_PARAMETERS /,
      );
    });
  }

  it('prints back every key that the master sent, known or not, but those of the transfer; CRCs are ours', async () => {
    await ok(upload(...bodies));
    const extra = ' FROBNICATE (a %(B "c d")) SINCE_MODSEQ 5 SINCE_CRC 6 JMAPID j1';
    await ok(apply({ name: 'user.anne', bodies, extra }));
    const [line] = await ok('GET USER anne\r\n');
    expect(line).to.contain(' FROBNICATE (a %(B "c d"))').and.contain(' JMAPID j1');
    expect(line).not.to.contain('SINCE_').and.not.contain('RECORD');
    expect(valueOf(line, 'LAST_UID')).to.equal('3');
    expect(valueOf(line, 'SYNC_CRC')).not.to.equal('1');
    expect(valueOf(line, 'SYNC_CRC_ANNOT')).to.equal('12345678'); // what no annotations at all make
  });

  it('an intermediate mailbox, of names and modseqs only, has the keys that clients insist on', async () => {
    await ok('APPLY MAILBOX %(UNIQUEID inter MBOXNAME user.anne.Between CREATEDMODSEQ 3)\r\n');
    const [line] = await ok('GET MAILBOXES (user.anne.Between)\r\n');
    for (const key of ['LAST_UID', 'HIGHESTMODSEQ', 'UIDVALIDITY', 'SYNC_CRC', 'RECENTTIME']) {
      expect(valueOf(line, key), key).to.equal('0');
    }
    expect(line).to.contain('ACL ""').and.contain('PARTITION default');
  });

  it('a record is kept as it was sent, flags, annotations and unknown keys among it', async () => {
    await ok(upload(...bodies));
    const sent = apply({ name: 'user.anne', bodies, flags: '\\Seen $Label1' })
      .replace(
        /GUID ([0-9a-f]{40})\)/g,
        'GUID $1 ANNOTATIONS (%(ENTRY /comment USERID anne MODSEQ 0 VALUE "a note")) CID 00ff)',
      )
      .replace(/ SYNC_CRC_ANNOT \d+/, '');
    await ok(sent);
    expect(server.records('anne', 'user.anne')).to.equal(sent.slice(sent.indexOf(' RECORD '), -3));
  });

  it('FULLMAILBOX is of an empty mailbox, so that a master finds nothing to merge; then it sends all again', async () => {
    await ok(upload(...bodies));
    await ok(apply({ name: 'user.anne', bodies, extra: ' FOLDERMODSEQ 9' }));
    const [line] = await ok('GET FULLMAILBOX user.anne\r\n');
    for (const key of ['LAST_UID', 'HIGHESTMODSEQ', 'UIDVALIDITY', 'FOLDERMODSEQ', 'XCONVMODSEQ']) {
      expect(valueOf(line, key), key).to.equal('0');
    }
    expect(line).to.contain(' RECORD ()');
    const again = await shown('user.anne');
    expect([valueOf(again, 'LAST_UID'), valueOf(again, 'HIGHESTMODSEQ')]).to.deep.equal(['3', '0']);
    await ok(apply({ name: 'user.anne', bodies }));
    expect(valueOf(await shown('user.anne'), 'HIGHESTMODSEQ')).to.equal('4');
  });

  describe('of a mailbox with a message that never came', () => {
    const OUT_OF_STEP = 'NO IMAP_SYNC_CHECKSUM Checksum failure';

    beforeEach(async () => {
      await ok(upload(bodies[0] as string, bodies[2] as string));
      expect((await client.exchange(apply({ name: 'user.anne', bodies }))).reply).to.equal(OUT_OF_STEP);
    });

    it('shows it as behind: modseq 0 and UIDs up to that message', async () => {
      const line = await shown('user.anne');
      expect(valueOf(line, 'LAST_UID')).to.equal('1');
      expect(valueOf(line, 'HIGHESTMODSEQ')).to.equal('0');
      expect(valueOf(line, 'SYNC_CRC')).to.equal('0');
      expect(server.logged('1 messages were not sent')).to.equal(true);
    });

    it('refuses once, and not the second time, or the other mailboxes would never have their turn', async () => {
      await ok(apply({ name: 'user.anne', bodies }));
      await client.exchange('RESTART\r\n');
      expect((await client.exchange(apply({ name: 'user.anne', bodies }))).reply).to.equal(OUT_OF_STEP);
    });

    it('asks for it in RESERVE, and is whole when it has come', async () => {
      const guids = bodies.map(guidOf).join(' ');
      const reserve = `APPLY RESERVE %(PARTITION default MBOXNAME (user.anne) GUID (${guids}))\r\n`;
      expect(await ok(reserve)).to.deep.equal([`* MISSING (${guidOf(bodies[1] as string)})`]);
      await ok(upload(bodies[1] as string));
      await ok(apply({ name: 'user.anne', bodies, uids: [2, 3] }));
      const line = await shown('user.anne');
      expect(valueOf(line, 'LAST_UID')).to.equal('3');
      expect(valueOf(line, 'HIGHESTMODSEQ')).to.equal('4');
      expect(server.dataText('anne')).to.contain('about two.');
    });

    it('is whole, too, when the record has been expunged meanwhile', async () => {
      await ok(apply({ name: 'user.anne', bodies, uids: [2], flags: '\\Expunged' }));
      expect(valueOf(await shown('user.anne'), 'LAST_UID')).to.equal('3');
    });
  });

  describe('of a mailbox whose records are not what the master has', () => {
    const two = bodies.slice(0, 2);
    const crcOf = async (name: string): Promise<string | undefined> => valueOf(await shown(name), 'SYNC_CRC');
    const reply = async (command: string): Promise<string> => (await client.exchange(command)).reply;

    beforeEach(async () => {
      await ok(upload(...bodies));
      await ok(apply({ name: 'user.anne', bodies }));
    });

    /** What a master says that has expunged and cleaned up the third one while it could not reach us. */
    const withoutThird = (uids: number[]): string =>
      apply({ name: 'user.anne', bodies: two, uids }).replace('LAST_UID 2', 'LAST_UID 3');

    it('it is refused once and shown as behind, until all of its records are listed again', async () => {
      expect(await reply(withoutThird([]))).to.equal('NO IMAP_SYNC_CHECKSUM Checksum failure');
      const line = await shown('user.anne');
      expect([valueOf(line, 'LAST_UID'), valueOf(line, 'HIGHESTMODSEQ')]).to.deep.equal(['3', '0']);
      await ok(withoutThird([1, 2]));
      await ok(apply({ name: 'user.bethany', bodies: two }));
      expect(await crcOf('user.anne')).to.equal(await crcOf('user.bethany'));
      expect(server.records('anne', 'user.anne')).to.match(/UID 3 [^%]*\\Expunged/);
    });

    it('stays behind for the next session where the master has not listed them', async () => {
      await reply(withoutThird([]));
      await client.exchange('EXIT\r\n');
      client = await server.login();
      expect(valueOf(await shown('user.anne'), 'HIGHESTMODSEQ')).to.equal('0');
    });

    it('and whose CRC is made in a way that we do not know, is not asked for for ever', async () => {
      await ok(apply({ name: 'user.anne', bodies, crc: 4711 }));
      const line = await shown('user.anne');
      expect(valueOf(line, 'HIGHESTMODSEQ')).to.equal('4');
      expect(valueOf(line, 'SYNC_CRC')).not.to.equal('4711');
      await ok(apply({ name: 'user.anne', bodies, uids: [], crc: 4711 }));
      expect(valueOf(await shown('user.anne'), 'HIGHESTMODSEQ')).to.equal('4');
    });

    it('and whose CRC is another one by now, is asked for once more', async () => {
      await ok(apply({ name: 'user.anne', bodies, crc: 4711 }));
      const changed = apply({ name: 'user.anne', bodies, uids: [], crc: 4712, extra: ' SINCE_MODSEQ 4' });
      expect(await reply(changed)).to.equal('NO IMAP_SYNC_CHECKSUM Checksum failure');
      await ok(apply({ name: 'user.anne', bodies, crc: 4712 }));
      await ok(changed);
      expect(valueOf(await shown('user.anne'), 'HIGHESTMODSEQ')).to.equal('4');
    });

    it('is what a master lists that renamed a user and is wrong about its annotations, and not asked for ever after', async () => {
      const stale = withoutThird([1, 2]).replace(/SYNC_CRC_ANNOT \d+/, 'SYNC_CRC_ANNOT 3700182588');
      await ok(stale);
      expect(server.records('anne', 'user.anne')).to.match(/UID 3 [^%]*\\Expunged/);
      await ok(withoutThird([]));
      const line = await shown('user.anne');
      expect([valueOf(line, 'LAST_UID'), valueOf(line, 'HIGHESTMODSEQ')]).to.not.include('0');
    });

    it('of a master of 3.0, which counts annotations from zero, is as it counts', async () => {
      const old = apply({ name: 'user.anne', bodies }).replace('SYNC_CRC_ANNOT 12345678', 'SYNC_CRC_ANNOT 0');
      await ok(old);
      expect(valueOf(await shown('user.anne'), 'SYNC_CRC_ANNOT')).to.equal('0');
    });

    it('two CRCs of zero, which are ones that a master does not know, take nothing away', async () => {
      const unknown = apply({ name: 'user.anne', bodies, uids: [], crc: 0 });
      await ok(unknown.replace('SYNC_CRC_ANNOT 12345678', 'SYNC_CRC_ANNOT 0'));
      expect(server.records('anne', 'user.anne')).not.to.contain('Expunged');
      expect(valueOf(await shown('user.anne'), 'HIGHESTMODSEQ')).to.equal('4');
    });

    it('a mailbox that was emptied and cleaned up unseen is empty here, too, and not sent again for ever', async () => {
      await ok(apply({ name: 'user.anne', bodies, uids: [], crc: 0 }));
      expect(server.records('anne', 'user.anne').match(/Expunged/g)).to.have.length(3);
      expect(valueOf(await shown('user.anne'), 'SYNC_CRC')).to.equal('0');
    });

    it('a batch, whose CRC is a dummy zero, is not compared', async () => {
      const batch = apply({ name: 'user.anne', bodies, uids: [2], crc: 0 });
      await ok(batch.replace(/ SYNC_CRC_ANNOT \d+/, ''));
      expect(valueOf(await shown('user.anne'), 'HIGHESTMODSEQ')).to.equal('4');
    });
  });
});
