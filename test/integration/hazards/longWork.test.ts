/**
 * Masters that have much to say or to ask, each within the default limits, beside one that has little: that one never waits for long,
 * and memory stays bounded. What is asserted is the longest turn in processor time, and memory: a busy machine changes neither.
 * How long the other master waited is printed; docs/development/performance.md has what was measured.
 */
import { expect } from 'chai';
import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { attackBeside, damageText, startMonitored } from '../../support/attackRack.ts';
import type { BackupServer } from '../../support/backupdDaemon.ts';
import { SyncConnection } from '../../support/syncConnection.ts';
import { idOf } from '../../server/made.ts';

const MIB = 1 << 20;
/** Twice and more of what anything takes; before, it was up to 24 s. */
const TURN_MS = 250;
const PEAK_MIB = 512;
/** 1: all that is said in docs/development/performance.md. Runs of the tests take a tenth. */
const SHARE = Number(process.env['CYRUS_BACKUPS_ATTACK'] ?? 0.1);

function guid(number: number): string {
  return createHash('sha1').update(String(number)).digest('hex');
}

/** Records of messages that never came. */
function records(count: number, first = 1): string {
  const list: string[] = [];
  for (let uid = first; uid < first + count; uid += 1) {
    list.push(
      `%(UID ${uid} MODSEQ ${uid} LAST_UPDATED 1700000000 FLAGS (\\Seen) INTERNALDATE 1700000000 SIZE 1234 GUID ${guid(uid)} ` +
        `ANNOTATIONS (%(ENTRY /vendor/cmu/cyrus-imapd/savedate USERID "" MODSEQ 0 VALUE 1700000000)))`,
    );
  }
  return list.join(' ');
}

function mailbox(name: string, lastUid: number, list: string): string {
  return (
    `APPLY MAILBOX %(UNIQUEID ${idOf(name)} MBOXNAME ${name} LAST_UID ${lastUid} HIGHESTMODSEQ ${lastUid} RECENTUID 0 ` +
    `RECENTTIME 0 LAST_APPENDDATE 0 POP3_LAST_LOGIN 0 UIDVALIDITY 1 PARTITION default ACL "" OPTIONS P RECORD (${list}))\r\n`
  );
}

describe('hazard: long work of others,', function () {
  this.timeout(600_000);
  let backup: BackupServer;
  let master: SyncConnection;

  before(async () => {
    backup = await startMonitored();
  });
  after(async () => {
    await backup?.stop();
  });
  beforeEach(async () => {
    master = await SyncConnection.login(backup.address);
  });
  afterEach(() => master.close());

  async function expectHarmless(what: string, attack: () => Promise<unknown>): Promise<void> {
    const damage = await attackBeside(backup, attack);
    process.stdout.write(damageText(what, damage));
    expect(damage.turnMs, what).to.be.lessThan(TURN_MS);
    expect(damage.peakMiB).to.be.lessThan(PEAK_MIB);
    expect(backup.isRunning, backup.log).to.equal(true);
    expect(/^.*    at .*$/m.exec(backup.log)?.[0]).to.equal(undefined);
  }

  /** Sends one command and takes the answer, whatever it is. */
  const said = async (command: string | Buffer): Promise<string> => (await master.exchange(command)).reply;
  const share = (all: number): number => Math.round(all * SHARE);

  it('GET USER with folders that lack messages', async () => {
    const folders = share(2000);
    const each = 30;
    for (let at = 0; at < folders; at += 1) {
      const first = 1 + at * each;
      expect(await said(mailbox(`user.many.f${at}`, first + each, records(each, first)))).to.match(
        /^NO IMAP_SYNC_CHECKSUM/,
      );
    }
    await expectHarmless(`GET USER, ${folders} folders, ${folders * each} messages missing`, async () => {
      for (let round = 0; round < 3; round += 1) expect(await said('GET USER many\r\n')).to.match(/^OK/);
    });
    await expectHarmless(`UNUSER of it`, () => said('APPLY UNUSER many\r\n'));
  });

  it('one quoted string of backslashes', async () => {
    await expectHarmless('60 MiB of \\a in one string', () =>
      said(`GET USER "${'\\a'.repeat(30 * MIB)}"\r\n`),
    );
    const longest = `GET USER "${'\\a'.repeat(MIB - 100)}"\r\n`;
    await expectHarmless('4 MiB of \\a, again and again', async () => {
      for (let round = 0; round < share(100); round += 1) await said(longest);
    });
  });

  it('the largest scripts and lists of seen messages that are taken', async () => {
    const text = 'x'.repeat(4 * MIB - 1);
    await expectHarmless('scripts and seen lists of 4 MiB', async () => {
      for (let round = 0; round < share(60); round += 1) {
        const script = `APPLY SIEVE %(USERID sieve FILENAME s${round % 2}.script LAST_UPDATE ${round} CONTENT {${text.length}+}\r\n${text})\r\n`;
        expect(await said(script)).to.match(/^OK/);
        expect(
          await said(`APPLY SEEN %(USERID sieve UNIQUEID u LASTREAD ${round} SEENUIDS ${text})\r\n`),
        ).to.match(/^OK/);
      }
      expect(await said('GET META sieve\r\n')).to.match(/^OK/);
    });
  });

  it('names of mailboxes that nobody has', async () => {
    const names = (of: (at: number) => string): string =>
      `GET MAILBOXES (${Array.from({ length: share(100_000) }, (_, at) => of(at)).join(' ')})\r\n`;
    await expectHarmless('100,000 names of as many users', () => said(names((at) => `user.u${at}`)));
    await expectHarmless('100,000 names of one user', () => said(names((at) => `user.one.f${at}`)));
    await expectHarmless('UNIQUEIDS', () => said(names((at) => `u${at}`).replace('MAILBOXES', 'UNIQUEIDS')));
  });

  it('RESERVE of many messages for many users', async () => {
    const users = share(200);
    for (let at = 0; at < users; at += 1) await said(`APPLY SUB %(USERID r${at} MBOXNAME user.r${at})\r\n`);
    const names = Array.from({ length: users }, (_, at) => `user.r${at}`).join(' ');
    const guids = Array.from({ length: share(100_000) }, (_, at) => guid(at)).join(' ');
    await expectHarmless('RESERVE, 100,000 GUIDs, 200 users', async () => {
      const { untagged, reply } = await master.exchange(
        `APPLY RESERVE %(PARTITION default MBOXNAME (${names}) GUID (${guids}))\r\n`,
      );
      expect(reply).to.match(/^OK/);
      expect(untagged.join('').length).to.be.greaterThan(41 * share(100_000));
    });
  });

  it('a mailbox as large as a command may be, its expunges and its move to another user', async () => {
    const count = share(200_000);
    const command = mailbox('user.huge', count, records(count));
    await expectHarmless(
      `APPLY MAILBOX, ${count} records, ${(command.length / MIB).toFixed(0)} MiB`,
      async () => expect(await said(command)).to.match(/^NO IMAP_SYNC_CHECKSUM/),
    );
    await expectHarmless('the same again', () => said(command));
    await expectHarmless('GET MAILBOXES of it', () => said('GET MAILBOXES (user.huge)\r\n'));
    const uids = Array.from({ length: share(1_000_000) }, (_, at) => at + 1).join(' ');
    await expectHarmless('RENAME of it to another user', async () => {
      await said('APPLY SUB %(USERID other MBOXNAME x)\r\n');
      const rename = `OLDMBOXNAME user.huge NEWMBOXNAME user.other.huge PARTITION default UIDVALIDITY 1`;
      expect(await said(`APPLY RENAME %(${rename})\r\n`)).to.match(/^OK/);
    });
    await expectHarmless('EXPUNGE of 1,000,000 UIDs', () =>
      said(`APPLY EXPUNGE %(MBOXNAME user.other.huge UNIQUEID ${idOf('user.huge')} UID (${uids}))\r\n`),
    );
  });

  it('values that take much more memory than they have bytes', async () => {
    for (const value of [
      '%(A B)',
      '()',
      '%()',
      '(((())))',
      'ab',
      '%{d 0123456789012345678901234567890123456789 0}\r\n',
    ]) {
      const list = `${value} `.repeat(share(100 * MIB) / (value.length + 1));
      await expectHarmless(`100 MiB of ${value.trim()}`, () => said(`GET MAILBOXES (${list})\r\n`));
    }
    await expectHarmless('a state of many values', () =>
      said(mailbox('user.state', 1, '').replace('RECORD ()', `X (${'a '.repeat(MIB)})`)),
    );
  });

  it('many sessions with a large command each', async () => {
    const list = `GET MAILBOXES (${'%(A B) '.repeat(share(2 * MIB))}`;
    const sessions = await Promise.all(
      Array.from({ length: 20 }, () => SyncConnection.login(backup.address)),
    );
    await expectHarmless('20 sessions, 14 MiB each, that do not end', async () => {
      for (const session of sessions) await session.send(list).catch(() => undefined);
      await sleep(8000 * SHARE);
      for (const session of sessions) session.close();
    });
    await expectHarmless('20 sessions, 14 MiB each', async () => {
      const all = await Promise.all(Array.from({ length: 20 }, () => SyncConnection.login(backup.address)));
      await Promise.all(all.map((session) => session.exchange(`${list})\r\n`).catch(() => undefined)));
      for (const session of all) session.close();
    });
  });

  it('commands without end, by many sessions', async () => {
    const sessions = await Promise.all(
      Array.from({ length: 20 }, () => SyncConnection.login(backup.address)),
    );
    const pour = async (session: SyncConnection, piece: string, count: number): Promise<void> => {
      session.socket.removeAllListeners('data').resume();
      for (let at = 0; at < count; at += 1) {
        if (!session.socket.write(piece))
          await new Promise((resolve) => session.socket.once('drain', resolve));
      }
    };
    await expectHarmless('20 sessions, NOOP after NOOP', () =>
      Promise.all(sessions.map((session) => pour(session, 'NOOP\r\n'.repeat(10_000), share(20)))),
    );
    for (const session of sessions) session.close();
    const askers = await Promise.all(Array.from({ length: 20 }, () => SyncConnection.login(backup.address)));
    await expectHarmless('20 sessions, GET USER after GET USER', () =>
      Promise.all(askers.map((session) => pour(session, 'GET USER nobody\r\n'.repeat(1000), share(20)))),
    );
    for (const session of askers) session.close();
  });

  it('a message of 200 MiB, stored and fetched', async () => {
    const body = Buffer.alloc(share(200 * MIB), 'From: a@example.com\r\n\r\nsome text that compresses ');
    const id = createHash('sha1').update(body).digest('hex');
    await expectHarmless('200 MiB: MESSAGE, MAILBOX', async () => {
      await master.send(`APPLY MESSAGE (%{default ${id} ${body.length}}\r\n`);
      await master.send(body);
      expect(await said(')\r\n')).to.match(/^OK/);
      const record = `%(UID 1 MODSEQ 1 LAST_UPDATED 1 FLAGS () INTERNALDATE 1 SIZE ${body.length} GUID ${id})`;
      expect(await said(mailbox('user.big', 1, record))).to.match(/^OK/);
    });
    await expectHarmless('200 MiB: FETCH', async () => {
      const fetch = `GET FETCH %(MBOXNAME user.big PARTITION default UNIQUEID ${idOf('user.big')} GUID ${id} UID 1)\r\n`;
      await master.send(fetch);
      let received = 0;
      master.socket.removeAllListeners('data');
      await new Promise<void>((resolve) => {
        master.socket.on('data', (piece: Buffer) => {
          received += piece.length;
          if (received > body.length + 60) resolve();
        });
      });
    });
  });

  it('400 wrong passwords', async () => {
    const token = (password: string): string => Buffer.from(`\0repluser\0${password}`).toString('base64');
    await expectHarmless('400 wrong passwords', async () => {
      const sockets = Array.from({ length: 400 }, () => stranger());
      for (const socket of sockets) socket.write(`AUTHENTICATE PLAIN ${token('wrong')}\r\n`);
      await sleep(10_000 * SHARE);
      for (const socket of sockets) socket.destroy();
    });
  });

  it('1,500 connections that say nothing', async () => {
    const sockets = Array.from({ length: 1500 }, () => stranger());
    await sleep(300);
    await expectHarmless('1,500 idle connections', async () => {
      for (let round = 0; round < 10; round += 1) {
        const late = await SyncConnection.login(backup.address);
        expect((await late.exchange('NOOP\r\n')).reply).to.match(/^OK/);
        late.close();
      }
    });
    for (const socket of sockets) socket.destroy();
  });

  function stranger(): Socket {
    return connect(backup.address.port, '127.0.0.1')
      .on('error', () => undefined)
      .resume();
  }
});
