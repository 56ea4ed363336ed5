import { expect } from 'chai';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { BackupError } from '../../src/errors.ts';
import { bind } from '../../src/server/bind.ts';

describe('a listening address', () => {
  let folder: string;
  let path: string;
  let servers: Server[];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bind-'));
    path = join(folder, 'socket');
    servers = [];
  });

  afterEach(() => {
    for (const server of servers) server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  function made(): Server {
    const server = createServer((socket) => socket.on('error', () => undefined).end('hello'));
    servers.push(server);
    return server;
  }

  const failureOf = async (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => 'none',
      (error: unknown) => (error instanceof BackupError ? error.message : 'no BackupError'),
    );

  it('of a unix socket has its mode, whatever the umask, and is reached', async () => {
    for (const mode of [0o600, 0o666]) {
      const server = made();
      expect(await bind(server, { path, mode })).to.deep.equal({ port: 0, text: path });
      expect(statSync(path).mode & 0o777).to.equal(mode);
      const [data] = (await once(connect({ path }), 'data')) as [Buffer];
      expect(data.toString()).to.equal('hello');
      server.close();
      await once(server, 'close');
    }
  });

  it('that a killed server left behind is taken; one that is in use, or no socket, is not', async () => {
    const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
    await once(spawn(process.execPath, ['-e', script]), 'exit');
    expect(statSync(path).isSocket()).to.equal(true);
    await bind(made(), { path, mode: 0o600 });
    expect(await failureOf(bind(made(), { path, mode: 0o600 }))).to.contain(`listen on ${path}`);
    const file = join(folder, 'file');
    writeFileSync(file, 'precious');
    expect(await failureOf(bind(made(), { path: file, mode: 0o600 }))).to.contain(`listen on ${file}`);
    expect(statSync(file).size).to.equal(8);
  });

  it('that cannot be had is named', async () => {
    expect(await failureOf(bind(made(), { fd: 9999 }))).to.contain('listen on descriptor 9999');
    expect(await failureOf(bind(made(), { host: '192.0.2.1', port: 1 }))).to.contain('listen on 192.0.2.1:1');
  });
});
