/**
 * Recorded sessions, cut and changed at many places: whatever arrives may cost its connection, never the process, and
 * never the next connection.
 */
import { expect } from 'chai';
import { randomInt } from 'node:crypto';
import { BackupServer } from '../support/backupdDaemon.ts';
import { sessionFrames, type CaptureName } from '../support/sessionFrames.ts';
import { SyncConnection } from '../support/syncConnection.ts';

const CUTS = 150;
const CHANGES = 150;
const AT_ONCE = 4;
const captures: CaptureName[] = ['01-initial-anne', '02-changes-anne', '01-initial-bethany'];

let users = 0;

/**
 * What follows the login, as one run of bytes, of a user that there has not been: so that no other connection has
 * the backup locked, and nothing of it is known. The name keeps its length; messages keep their bytes.
 */
function session(name: CaptureName): Buffer {
  const text = Buffer.concat(sessionFrames(name).slice(1)).toString('latin1');
  const user = name.slice(name.lastIndexOf('-') + 1);
  const other = `u${String(++users).padStart(user.length - 1, '0')}`;
  const renamed = text.replaceAll(new RegExp(`(user\\.|USERID |USER )${user}\\b`, 'g'), `$1${other}`);
  return Buffer.from(renamed, 'latin1');
}

/** Evenly over the bytes, but always in the middle of something. */
function places(length: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => Math.floor(((index + 0.37) * length) / count));
}

async function inBatches<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < items.length; at += AT_ONCE) {
    await Promise.all(items.slice(at, at + AT_ONCE).map(work));
  }
}

describe('malformed sessions', function () {
  this.timeout(120_000);

  let backup: BackupServer;

  before(async () => {
    backup = await BackupServer.start();
  });

  after(async () => {
    await backup?.stop();
  });

  /** Sends it all, says that no more comes, and wants the connection ended soon. */
  async function play(bytes: Buffer): Promise<void> {
    const connection = await SyncConnection.login(backup.address);
    try {
      await connection.send(bytes).catch(() => undefined); // it may have been closed on the way
      await connection.finish(10_000);
    } finally {
      connection.close();
    }
  }

  async function expectAlive(hint: string): Promise<void> {
    expect(backup.isRunning, `${hint}\n${backup.log}`).to.equal(true);
    const connection = await SyncConnection.login(backup.address);
    expect((await connection.exchange('NOOP\r\n')).reply, hint).to.match(/^OK /);
    connection.close();
  }

  for (const name of captures) {
    it(`${name} cut off at ${CUTS} places`, async () => {
      const { length } = session(name);
      await inBatches(places(length, CUTS), (at) => play(session(name).subarray(0, at)));
      await expectAlive(name);
    });

    it(`${name} with one byte changed, ${CHANGES} times`, async () => {
      const { length } = session(name);
      const tried: string[] = [];
      await inBatches(places(length, CHANGES), async (at) => {
        const changed = session(name);
        const value = randomInt(256);
        tried.push(`${at}:${value}`);
        changed[at] = value;
        await play(changed);
      });
      await expectAlive(`${name} ${tried.join(' ')}`);
    });
  }

  it('bytes before the login, of any kind, get no further', async () => {
    const hostile = [
      '\0\0\0\0\r\n',
      '{99999999999999999999+}\r\n',
      'AUTHENTICATE\r\n',
      '%{a b c}\r\n',
      '('.repeat(100_000),
    ];
    for (const text of hostile) {
      const connection = await SyncConnection.open(backup.address.port);
      await connection.send(Buffer.from(`${text}\r\nGET USER anne\r\n`, 'latin1'));
      const said = await connection.finish(10_000);
      expect(
        said.filter((line) => line.startsWith('OK')),
        text.slice(0, 20),
      ).to.deep.equal([]);
    }
    await expectAlive('before the login');
  });

  it('after all of it the untouched session is taken, every command OK', async () => {
    const connection = await SyncConnection.login(backup.address);
    for (const frame of sessionFrames('01-initial-bethany').slice(1)) {
      const { reply } = await connection.exchange(frame);
      expect(reply, frame.toString('latin1').slice(0, 80)).to.match(/^OK /);
    }
    connection.close();
  });
});
