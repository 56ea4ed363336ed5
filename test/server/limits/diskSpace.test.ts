import { expect } from 'chai';
import { BackupError } from '../../../src/errors.ts';
import { DiskSpace } from '../../../src/server/limits/diskSpace.ts';
import { apply, guidOf, message, upload } from '../made.ts';
import { TestServer } from '../testServer.ts';

const LATER = 'NO IMAP_MAILBOX_LOCKED Disk is full';

describe('free disk space', () => {
  const free: Record<string, number | null> = {};
  const options = { reserveBytes: 1000, stagingDirectory: 's', partitions: ['p', 'q'] };
  let disk: DiskSpace;

  beforeEach(() => {
    Object.assign(free, { s: 5000, p: 5000, q: 5000 });
    disk = new DiskSpace(options, (directory) => free[directory] ?? null);
  });

  const isRefused = (work: () => void): boolean => {
    try {
      work();
      return false;
    } catch (error) {
      expect(error).to.be.instanceOf(BackupError).with.property('kind', 'no-space');
      return true;
    }
  };

  it('a message is taken while its bytes leave the reserve alone, where it is staged and on some partition', () => {
    expect(isRefused(() => disk.takeMessage(4001))).to.equal(true);
    free['p'] = 0;
    disk.reconfigure(options);
    expect(isRefused(() => disk.takeMessage(4000))).to.equal(false);
    free['q'] = 0;
    disk.reconfigure(options);
    expect(isRefused(() => disk.takeMessage(1))).to.equal(true);
    Object.assign(free, { s: 999, p: 5000 });
    disk.reconfigure(options);
    expect(isRefused(() => disk.takeMessage(1))).to.equal(true);
  });

  it('what was let in since the disk was looked at counts', () => {
    for (let time = 0; time < 4; time += 1) disk.takeMessage(1000);
    expect(isRefused(() => disk.takeMessage(1))).to.equal(true);
  });

  it('what sessions hold counts as used, until they end', () => {
    const end = disk.hold(() => 4500);
    expect(isRefused(() => disk.takeMessage(1))).to.equal(true);
    end();
    disk.reconfigure(options);
    expect(isRefused(() => disk.takeMessage(1))).to.equal(false);
  });

  it('half of the reserve is for what is in hand', () => {
    free['p'] = 800;
    expect(isRefused(() => disk.requireRoomForMail('p'))).to.equal(true);
    expect(isRefused(() => disk.requireRoom('p'))).to.equal(false);
    free['p'] = 499;
    disk.reconfigure(options);
    expect(isRefused(() => disk.requireRoom('p'))).to.equal(true);
  });

  it('where it cannot be known, or there is no reserve, nothing is refused', () => {
    Object.assign(free, { s: null, p: null });
    expect(isRefused(() => disk.takeMessage(1e9))).to.equal(false);
    disk.reconfigure({ ...options, reserveBytes: 0 });
    Object.assign(free, { s: 0, p: 0, q: 0 });
    expect(isRefused(() => disk.takeMessage(1))).to.equal(false);
    expect(isRefused(() => disk.requireRoom('p'))).to.equal(false);
  });
});

describe('on a disk that is nearly full', () => {
  let server: TestServer;
  let freeBytes: number;

  beforeEach(async () => {
    freeBytes = 1e12;
    const options = { reserveBytes: 1e9, stagingDirectory: 's', partitions: ['p'] };
    const disk = new DiskSpace(options, () => freeBytes);
    server = await TestServer.start({ disk });
    fillUp = (bytes) => {
      freeBytes = bytes;
      disk.reconfigure(options);
    };
  });

  let fillUp: (bytes: number) => void;

  afterEach(() => server.stop());

  it('new mail is refused in step with an answer that makes the master come again, and old mail can be read', async () => {
    const client = await server.login();
    const reply = async (command: string | Buffer): Promise<string> => (await client.exchange(command)).reply;
    const bodies = [message('early')];
    await client.exchange(upload(...bodies));
    expect(await reply(apply({ name: 'user.anne', bodies }))).to.equal('OK Success');
    await client.exchange(upload(message('in hand')));
    fillUp(9e8);
    const late = message('late');
    const reserve = `APPLY RESERVE %(PARTITION default MBOXNAME (user.anne) GUID (${guidOf(late)}))\r\n`;
    expect(await reply(reserve)).to.equal(LATER);
    expect(await reply(upload(late, late, late))).to.equal(LATER);
    expect(await reply('GET USER anne\r\n')).to.equal('OK Success');
    const inHand = apply({ name: 'user.anne.Sub', bodies: [message('in hand')] });
    expect(await reply(inHand)).to.equal('OK Success');
    fillUp(4e8);
    expect(await reply('APPLY SUB %(USERID anne MBOXNAME user.anne)\r\n')).to.equal(LATER);
    fillUp(2e9);
    expect(await reply(reserve)).to.equal('OK Success');
    expect(server.dataText('anne')).to.contain('about in hand.').and.not.contain('about late.');
  });
});
