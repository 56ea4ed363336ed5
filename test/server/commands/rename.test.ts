import { expect } from 'chai';
import type { SyncConnection } from '../../support/syncConnection.ts';
import { apply, guidOf, idOf, message, upload, valueOf } from '../made.ts';
import { TestServer } from '../testServer.ts';

describe('APPLY RENAME from one user to another', () => {
  let server: TestServer;
  let client: SyncConnection;
  const bodies = [message('one'), message('two')];

  beforeEach(async () => {
    server = await TestServer.start();
    client = await server.login();
    await ok(upload(...bodies));
    await ok(apply({ name: 'user.anne', bodies }));
    await ok(apply({ name: 'user.anne.Work', bodies: bodies.slice(0, 1) }));
  });

  afterEach(() => server.stop());

  async function ok(command: string | Buffer): Promise<string[]> {
    const { untagged, reply } = await client.exchange(command);
    expect(reply, command.toString().slice(0, 60)).to.equal('OK Success');
    return untagged;
  }

  const rename = (from: string, to: string): Promise<string[]> =>
    ok(`APPLY RENAME %(OLDMBOXNAME ${from} NEWMBOXNAME ${to} PARTITION default UIDVALIDITY 1700000009)\r\n`);
  const listed = async (userid: string): Promise<(string | undefined)[]> =>
    (await ok(`GET USER "${userid}"\r\n`)).map((line) => valueOf(line, 'MBOXNAME'));

  describe('of an INBOX is a user renamed', () => {
    it('the backup goes along, in one file, with what the folders hold; their own RENAMEs follow', async () => {
      const path = server.dataPath('anne');
      await rename('user.anne', 'user.annette');
      expect(server.catalog.find('anne')).to.equal(null);
      expect(server.dataPath('annette')).to.equal(path);
      expect(await listed('annette')).to.deep.equal(['user.anne.Work', 'user.annette']);
      await rename('user.anne.Work', 'user.annette.Work');
      expect(await listed('annette')).to.deep.equal(['user.annette', 'user.annette.Work']);
      expect(await listed('anne')).to.deep.equal([]);
      expect(server.records('annette', 'user.annette.Work')).to.contain(guidOf(bodies[0] as string));
    });

    it('a new user of the old name starts afresh', async () => {
      await rename('user.anne', 'user.annette');
      await ok(apply({ name: 'user.anne', uniqueid: 'another' }));
      expect(await listed('anne')).to.deep.equal(['user.anne']);
      expect(await listed('annette')).to.deep.equal(['user.anne.Work', 'user.annette']);
      expect(server.dataPath('anne')).not.to.equal(server.dataPath('annette'));
    });

    it('onto a user who has a backup, it is a folder that is moved: both keep what they have', async () => {
      await ok(apply({ name: 'user.bethany.Old', bodies: bodies.slice(1) }));
      await rename('user.anne', 'user.bethany');
      expect(await listed('bethany')).to.deep.equal(['user.bethany', 'user.bethany.Old']);
      expect(await listed('anne')).to.deep.equal(['user.anne.Work']);
    });

    it('is found where no RENAME says so, by the uniqueid of the INBOX, and the folders by theirs', async () => {
      const path = server.dataPath('anne');
      await client.exchange('EXIT\r\n');
      client = await server.login();
      expect(await listed('annette')).to.deep.equal([]);
      await ok(upload(...bodies));
      await ok(apply({ name: 'user.annette', uniqueid: idOf('user.anne'), bodies }));
      expect(server.dataPath('annette')).to.equal(path);
      await ok(
        apply({ name: 'user.annette.Work', uniqueid: idOf('user.anne.Work'), bodies: bodies.slice(0, 1) }),
      );
      expect(await listed('annette')).to.deep.equal(['user.annette', 'user.annette.Work']);
      expect(server.dataText('annette').match(/about one\./g), 'stored once').to.have.length(1);
      expect(await listed('anne')).to.deep.equal([]);
    });

    it('what is said of a folder by its old name is found, also when the old name has a new user', async () => {
      await rename('user.anne', 'user.annette');
      await ok(apply({ name: 'user.anne', uniqueid: 'another' }));
      expect(await ok('GET MAILBOXES (user.anne.Work)\r\n')).to.have.length(1);
      await ok('APPLY ANNOTATION %(MBOXNAME user.anne.Work ENTRY /comment USERID "" VALUE x)\r\n');
      expect(await ok('GET ANNOTATION user.anne.Work\r\n')).to.have.length(1);
      await ok('APPLY UNMAILBOX user.anne.Work\r\n');
      expect(await listed('annette')).to.deep.equal(['user.annette']);
      expect(await listed('anne')).to.deep.equal(['user.anne']);
    });

    it('the quota of the old name ends in the backup that shows it', async () => {
      await ok('APPLY QUOTA %(ROOT user.anne STORAGE 5)\r\n');
      await rename('user.anne', 'user.annette');
      expect((await ok('GET USER annette\r\n')).join('')).to.contain('QUOTA %(ROOT user.anne');
      await ok('APPLY UNQUOTA user.anne\r\n');
      expect((await ok('GET USER annette\r\n')).join('')).not.to.contain('QUOTA');
    });

    it('a user who was deleted and made again under another name is another user', async () => {
      await ok('APPLY UNMAILBOX user.anne\r\n');
      await ok(apply({ name: 'user.annette', uniqueid: idOf('user.anne'), bodies: [] }));
      expect(server.dataPath('anne')).not.to.equal(server.dataPath('annette'));
    });

    describe('is not taken from a uniqueid alone', () => {
      const copy = (name: string, changes: { bodies?: string[]; extra?: string } = {}): string =>
        apply({ name, uniqueid: idOf('user.anne'), bodies, ...changes });
      const again = async (): Promise<void> => {
        await client.exchange('EXIT\r\n');
        client = await server.login();
      };
      const kept = async (name: string): Promise<void> => {
        expect(server.dataPath(name)).not.to.equal(server.dataPath('anne'));
        expect(await listed('anne')).to.deep.equal(['user.anne', 'user.anne.Work']);
        expect(server.logged(`nothing shows that anne was renamed`)).to.equal(true);
      };

      it('where the INBOX has none of the messages', async () => {
        await again();
        await ok(copy('user.mallory', { bodies: [] }));
        await kept('mallory');
      });

      it('where it has other messages under the same UIDs', async () => {
        await again();
        const others = [message('three'), message('four')];
        await ok(upload(...others));
        await ok(copy('user.mallory', { bodies: others }));
        await kept('mallory');
      });

      it('where the same master has spoken of the old user', async () => {
        await again();
        await listed('anne');
        await ok(upload(...bodies));
        await ok(copy('user.mallory'));
        await kept('mallory');
      });

      it('where a rename has not moved the modseq of the folder on: a copy of the master has another name for it', async () => {
        await ok(apply({ name: 'user.anne', bodies, extra: ' FOLDERMODSEQ 3' }));
        await again();
        await ok(upload(...bodies));
        await ok(
          copy('user.anne@test', { extra: ' FOLDERMODSEQ 3' }).replace('"user.anne@test"', 'test!user.anne'),
        );
        await kept('anne@test');
      });

      it('to and fro, by two masters that have the same mailbox', async () => {
        await again();
        await ok(upload(...bodies));
        await ok(copy('user.annette'));
        const path = server.dataPath('annette');
        await again();
        await ok(upload(...bodies));
        await ok(copy('user.anne'));
        expect(server.dataPath('annette')).to.equal(path);
        expect(server.dataPath('anne')).not.to.equal(path);
      });
    });

    it('waits for nobody in vain: whoever else asks for the new user finds the backup', async () => {
      await rename('user.anne', 'user.annette');
      await client.exchange('RESTART\r\n');
      const other = await server.login();
      expect((await other.exchange('GET USER annette\r\n')).untagged).to.have.length(2);
    });
  });

  describe('of a folder', () => {
    it('it comes with records and messages, and ends where it was; its bytes stay there', async () => {
      await rename('user.anne.Work', 'user.bethany.Work');
      expect(await listed('anne')).to.deep.equal(['user.anne']);
      const [line] = await ok('GET USER bethany\r\n');
      expect(valueOf(line, 'UNIQUEID')).to.equal(idOf('user.anne.Work'));
      expect(valueOf(line, 'UIDVALIDITY')).to.equal('1700000009');
      expect(valueOf(line, 'HIGHESTMODSEQ')).to.equal('2');
      expect(server.dataText('bethany')).to.contain('about one.').and.not.contain('about two.');
      expect(server.dataText('anne')).to.contain('about one.');
    });

    it('one that is there already from a move that was broken off is completed', async () => {
      const one = bodies.slice(0, 1);
      await ok(upload(...one));
      await ok(apply({ name: 'user.bethany.Work', uniqueid: idOf('user.anne.Work'), bodies: one }));
      await rename('user.anne.Work', 'user.bethany.Work');
      expect(await listed('bethany')).to.deep.equal(['user.bethany.Work']);
      expect(await listed('anne')).to.deep.equal(['user.anne']);
    });

    it('to the shared ones and back', async () => {
      await rename('user.anne.Work', 'team.Work');
      expect(await listed('%SHARED')).to.deep.equal(['team.Work']);
      await rename('team.Work', 'user.bethany.Work');
      expect(await listed('%SHARED')).to.deep.equal([]);
      expect(server.records('bethany', 'user.bethany.Work')).to.contain(guidOf(bodies[0] as string));
    });

    it('of more records than a line takes comes whole', async function () {
      this.timeout(20_000);
      const many = Array.from({ length: 9000 }, (_, number) => `body ${number}`);
      await ok(apply({ name: 'user.anne.Big', bodies: many, flags: '\\Expunged' }));
      await rename('user.anne.Big', 'user.bethany.Big');
      expect(server.records('bethany', 'user.bethany.Big').match(/%\(UID /g)).to.have.length(9000);
      const [line] = await ok('GET USER bethany\r\n');
      expect(valueOf(line, 'HIGHESTMODSEQ')).to.equal('9001');
    });
  });
});
