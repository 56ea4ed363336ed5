/**
 * The client of saslauthd against the real one. It gets its wisdom from a small IMAP server of this test (rimap),
 * so that neither root nor a change to the system's users is needed.
 */
import { expect } from 'chai';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { verifyBySaslauthd } from '../../src/server/auth/saslauthd.ts';
import { skipLoudly } from '../support/skip.ts';

const DAEMON = '/usr/sbin/saslauthd';

/** Says OK to one LOGIN, and notes them all. */
function serveImap(socket: Socket, logins: string[]): void {
  socket.on('error', () => undefined);
  socket.write('* OK [CAPABILITY IMAP4rev1] ready\r\n');
  const lines = createInterface({ input: socket });
  // It says the socket's error once more: saslauthd may reset the connection when it has heard enough.
  lines.on('error', () => undefined);
  lines.on('line', (line) => {
    const [tag = '*', command = ''] = line.split(' ');
    if (command.toUpperCase() === 'LOGIN') logins.push(line.slice(tag.length + 1));
    const isRight = logins.at(-1) === 'LOGIN "anne@example.com" "two \\"words\\""';
    const isRefused = command.toUpperCase() === 'LOGIN' && !isRight;
    socket.write(`${tag} ${isRefused ? 'NO wrong' : 'OK done'}\r\n`);
  });
}

describe('saslauthd, the real one', () => {
  let scratch: string;
  let daemon: ChildProcess;
  let server: Server;
  const logins: string[] = [];

  before(async function () {
    if (!existsSync(DAEMON)) skipLoudly(this, 'saslauthd (Debian package sasl2-bin)');
    scratch = mkdtempSync(join(tmpdir(), 'saslauthd-'));
    server = createServer((socket) => serveImap(socket, logins)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const options = ['-a', 'rimap', '-O', `127.0.0.1/${port}`, '-d', '-n', '0', '-r', '-m', scratch];
    daemon = spawn(DAEMON, options, { stdio: 'ignore' });
    for (let i = 0; i < 100 && !existsSync(join(scratch, 'mux')); i++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(existsSync(join(scratch, 'mux')), 'socket of saslauthd').to.equal(true);
  });

  after(async () => {
    if (!existsSync(DAEMON)) return;
    const ended = once(daemon, 'exit');
    daemon.kill('SIGKILL');
    await ended;
    server.close();
    rmSync(scratch, { recursive: true, force: true });
  });

  const ask = (user: string, password: string): Promise<boolean> =>
    verifyBySaslauthd(user, password, { socketPath: join(scratch, 'mux'), service: 'csync' });

  it('is understood when it says yes and when it says no', async () => {
    expect(await ask('anne@example.com', 'two "words"')).to.equal(true);
    expect(await ask('anne@example.com', 'wrong')).to.equal(false);
    expect(await ask('bethany', 'two "words"')).to.equal(false);
    expect(logins).to.have.length(3);
  });
});
