import { expect } from 'chai';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { deflateRawSync } from 'node:zlib';
import type { BackupServer } from '../../support/backupdDaemon.ts';
import { SyncConnection } from '../../support/syncConnection.ts';
import { GARBAGE_MIB, startVictim, underAttack } from '../../support/underAttack.ts';

const MIB = 1 << 20;

describe('hazard: a flood of', function () {
  this.timeout(60_000);
  let backup: BackupServer;

  before(async () => {
    backup = await startVictim('backup_max_connections: 300\n');
  });

  after(async () => {
    await backup?.stop();
  });

  async function expectHarmless(attack: () => Promise<unknown>): Promise<void> {
    const { rounds, growthMiB } = await underAttack(backup, attack);
    expect(rounds).to.be.greaterThan(0);
    expect(growthMiB).to.be.lessThan(GARBAGE_MIB);
  }

  function open(): Socket {
    return connect(backup.address.port, '127.0.0.1').on('error', () => undefined);
  }

  /** Sends on until all is sent or the server has had enough; answers how much it took. */
  async function pour(socket: Socket, piece: string | Buffer, count: number): Promise<number> {
    const closed = new Promise<void>((resolve) => {
      socket.once('close', () => resolve());
      if (socket.destroyed) resolve();
    });
    socket.resume();
    for (let sent = 0; sent < count && !socket.destroyed; sent += 1) {
      if (!socket.write(piece)) await Promise.race([closed, once(socket, 'drain').catch(() => undefined)]);
    }
    if (!socket.destroyed) socket.end();
    await closed;
    return socket.bytesWritten;
  }

  it('commands before the login ends the connection', async () => {
    await expectHarmless(() =>
      Promise.all(Array.from({ length: 20 }, () => pour(open(), 'NOOP\r\n'.repeat(10_000), 50))),
    );
    expect(backup.log).to.contain('too many commands before the login, closing');
  });

  it('bytes without an end of line, before the login', async () => {
    await expectHarmless(() =>
      Promise.all(Array.from({ length: 4 }, () => pour(open(), Buffer.alloc(MIB, 'A'), 100))),
    );
  });

  it('failed logins ends the connection', async () => {
    const login = `AUTHENTICATE PLAIN ${Buffer.from('\0repluser\0wrong').toString('base64')}\r\n`;
    await expectHarmless(() => Promise.all(Array.from({ length: 10 }, () => pour(open(), login, 100))));
  });

  const authenticated: [what: string, piece: string, count: number][] = [
    ['bytes without an end of line', 'A'.repeat(MIB), 300],
    ['parentheses', `GET MAILBOXES ${'('.repeat(MIB / 2)}\r\n`, 100],
    ['values in one list', `GET MAILBOXES (${'a '.repeat(MIB)})\r\n`, 100],
    [
      'keys, none of which was ever heard',
      Array.from({ length: 50 }, (_, at) => `APPLY SUB %(K${at}${'k'.repeat(2000)} 1)\r\n`).join(''),
      300,
    ],
    ['literals in one command', `{200000+}\r\n${'x'.repeat(200_000)} `, 300],
    ['literals over the limit', `GET USER {5000000+}\r\n${'x'.repeat(5_000_000)}\r\n`, 40],
    ['commands without pause', 'GET USER nobody\r\n'.repeat(1000), 30],
    [
      'binary garbage',
      Buffer.from(Array.from({ length: MIB }, (_, at) => (at * 7919) % 251)).toString('latin1'),
      100,
    ],
  ];
  for (const [what, piece, count] of authenticated) {
    it(`${what}, by one who has logged in`, async () => {
      const peer = await SyncConnection.login(backup.address);
      await peer.send(what === 'literals in one command' ? 'APPLY SUB (' : '');
      await expectHarmless(() => pour(peer.socket, Buffer.from(piece, 'latin1'), count));
    });
  }

  it('bytes of a literal over the limit, by one who breaks off', async () => {
    for (let round = 0; round < 10; round += 1) {
      const peer = await SyncConnection.login(backup.address);
      await peer.send(`GET USER {50000000+}\r\n${'x'.repeat(5_000_000)}`);
      peer.close();
    }
    await expectHarmless(() => sleep(300));
  });

  it('bytes out of a small deflate stream', async () => {
    const peer = await SyncConnection.login(backup.address);
    await peer.exchange('COMPRESS DEFLATE\r\n');
    const bomb = deflateRawSync(Buffer.alloc(256 * MIB, 'A'));
    expect(bomb.length).to.be.lessThan(MIB);
    await expectHarmless(async () => {
      await peer.send(bomb).catch(() => undefined);
      await new Promise<void>((resolve) => {
        peer.socket.once('close', () => resolve());
        peer.socket.end();
      });
    });
  });

  it('connections: the oldest that have not logged in make room, the others work', async () => {
    const sockets: Socket[] = [];
    await expectHarmless(async () => {
      for (let round = 0; round < 20; round += 1) {
        const some = Array.from({ length: 100 }, open);
        sockets.push(...some);
        await Promise.all(
          some.map((socket) =>
            Promise.race([once(socket, 'data'), once(socket, 'close')]).catch(() => undefined),
          ),
        );
      }
    });
    expect(backup.log).to.contain('that had not logged in were closed to make room for others');
    for (const socket of sockets) socket.destroy();
    const after = await SyncConnection.login(backup.address);
    expect((await after.exchange('NOOP\r\n')).reply).to.equal('OK Noop completed');
    after.close();
  });
});
