/** Where the real daemon listens, and what it tells systemd. */
import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { once } from 'node:events';
import { BackupServer } from '../../support/backupdDaemon.ts';
import { Daemon, freePorts, makeFolder, waitUntil } from '../../support/machine.ts';
import { skipLoudly } from '../../support/skip.ts';
import { SocketReader } from '../../support/socketReader.ts';

const ROOT = new URL('../../../../', import.meta.url).pathname;
const BACKUPD = join(ROOT, 'dist/bin/backupd');

/** Prints each datagram that comes to a unix socket; Node cannot. */
const RECEIVER = `use Socket; socket(S, AF_UNIX, SOCK_DGRAM, 0) or die; bind(S, pack_sockaddr_un($ARGV[0])) or die;
$| = 1; print "bound\\n"; while (defined recv(S, $m, 4096, 0)) { $m =~ s/\\n/ /g; print "$m\\n" }`;

async function greeting(socket: { path: string } | { port: number }): Promise<string> {
  const connection = connect('port' in socket ? { ...socket, host: '127.0.0.1' } : socket);
  await once(connection, 'connect');
  const reader = new SocketReader(connection);
  for (;;) {
    const line = await reader.line();
    if (!line.startsWith('* OK')) continue;
    reader.close();
    return line;
  }
}

describe('backupd listens', function () {
  this.timeout(60_000);
  let backup: BackupServer;
  let folder: string;
  let daemons: Daemon[];

  before(async () => {
    backup = await BackupServer.start();
    await backup.kill();
  });
  beforeEach(() => {
    folder = makeFolder('sockets');
    daemons = [];
  });
  afterEach(async () => {
    for (const daemon of daemons) await daemon.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  after(async () => {
    await backup?.stop();
  });

  function start(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Daemon {
    const daemon = new Daemon(command, args, { env: { ...process.env, ...env } });
    daemons.push(daemon);
    return daemon;
  }

  it('at several addresses, unix sockets among them, and leaves none behind', async () => {
    const path = join(folder, 'socket');
    const listen = ['127.0.0.1:0', '[::1]:0', path].flatMap((address) => ['--listen', address]);
    const daemon = start(BACKUPD, ['-C', backup.conf, ...listen, '--socket-mode', '0600']);
    await daemon.waitForOutput(/listening on \/.*socket\n/);
    const ports = [...daemon.output.matchAll(/listening on \S+:(\d+)\n/g)].map(([, port]) => Number(port));
    expect(ports).to.have.length(2);
    expect(await greeting({ port: ports[0] ?? 0 })).to.match(/^\* OK /);
    expect(await greeting({ path })).to.match(/^\* OK /);
    expect(statSync(path).mode & 0o777).to.equal(0o600);
    await daemon.stop();
    expect(daemon.child.exitCode).to.equal(0);
    expect(existsSync(path)).to.equal(false);
  });

  it('not at all where one of them cannot be had', async () => {
    const daemon = start(BACKUPD, ['-C', backup.conf, '--listen', '127.0.0.1:0', '--listen', '/dev/null']);
    await once(daemon.child, 'close');
    expect(daemon.output).to.contain('listen on /dev/null');
    expect(daemon.child.exitCode).to.equal(74);
  });

  it('on the sockets that systemd passes on, and there only', async function () {
    const tool = 'systemd-socket-activate';
    if (spawnSync(tool, ['--version']).error !== undefined) skipLoudly(this, tool);
    const path = join(folder, 'activated');
    const [port = 0] = await freePorts(1);
    const daemon = start(tool, ['-l', path, '-l', `127.0.0.1:${port}`, BACKUPD, '-C', backup.conf]);
    await waitUntil(() => existsSync(path), { what: () => daemon.output });
    expect(await greeting({ path })).to.match(/^\* OK /);
    expect(await greeting({ port })).to.match(/^\* OK /);
    expect(daemon.output.match(/backupd: listening on /g)).to.have.length(2);
  });

  for (const name of ['path', 'abstract']) {
    it(`and says that it is ready, reads its configuration, and stops (${name} socket)`, async function () {
      const path = join(folder, 'notify');
      const bound = name === 'abstract' ? `\0${path}` : path;
      const script = `@ARGV = (pack("H*", $ARGV[0])); ${RECEIVER}`;
      const receiver = start('perl', ['-e', script, Buffer.from(bound).toString('hex')]);
      await receiver.waitForOutput(/bound/);
      const shown = name === 'abstract' ? `@${path}` : path;
      const daemon = start(BACKUPD, ['-C', backup.conf, '--listen', '127.0.0.1:0'], { NOTIFY_SOCKET: shown });
      await receiver.waitForOutput(/READY=1\n/);
      daemon.child.kill('SIGHUP');
      await receiver.waitForOutput(/RELOADING=1 MONOTONIC_USEC=\d+\nREADY=1\n/);
      await daemon.stop();
      await receiver.waitForOutput(/STOPPING=1\n/);
    });
  }
});
