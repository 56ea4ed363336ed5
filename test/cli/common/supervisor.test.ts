import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Daemon, run, waitUntil } from '../../support/machine.ts';

/** Prints each datagram that arrives at a unix socket; Node has no such sockets. */
const RECEIVER = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("bound", flush=True)
while True: print(s.recv(4096).decode(), flush=True)
`;

const MODULE = new URL('../../../src/cli/common/supervisor.js', import.meta.url).href;

describe('the notifications to the supervisor', () => {
  let folder: string;
  let path: string;
  let receiver: Daemon;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'supervisor-'));
    path = join(folder, 'notify');
    receiver = new Daemon('python3', ['-c', RECEIVER, path]);
    await receiver.waitForOutput(/bound/);
  });

  afterEach(async () => {
    await receiver.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const program = (body: string): string[] => [
    '--input-type=module',
    '-e',
    `import { feedWatchdog, tellSupervisor } from '${MODULE}'; ${body}`,
  ];
  const environment = (more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({
    ...process.env,
    NOTIFY_SOCKET: path,
    ...more,
  });

  it('say ready, and give a reload its time', async () => {
    const { code, stderr } = await run(
      process.execPath,
      program("tellSupervisor('READY=1'); tellSupervisor('RELOADING=1');"),
      { env: environment() },
    );
    expect(code, stderr).to.equal(0);
    await receiver.waitForOutput(/READY=1\nRELOADING=1\nMONOTONIC_USEC=\d+\n/);
  });

  it('go on while the event loop turns, and stop while it is blocked', async () => {
    const blocked = "setTimeout(() => { console.log('blocking'); for (;;); }, 400)";
    const child = spawn(process.execPath, program(`feedWatchdog(); ${blocked};`), {
      env: environment({ WATCHDOG_USEC: '100000' }),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      await new Promise((resolve) => child.stdout.once('data', resolve));
      const count = (): number => receiver.output.split('WATCHDOG=1').length - 1;
      const before = await waitUntil(() => (count() >= 3 ? count() : undefined), {
        what: () => receiver.output,
      });
      await new Promise((resolve) => setTimeout(resolve, 400));
      expect(count()).to.be.at.most(before + 1);
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('are not sent for a watchdog that watches another process', async () => {
    const { code, stderr } = await run(
      process.execPath,
      program("feedWatchdog(); tellSupervisor('STOPPING=1');"),
      { env: environment({ WATCHDOG_USEC: '100000', WATCHDOG_PID: '1' }) },
    );
    expect(code, stderr).to.equal(0);
    await receiver.waitForOutput(/STOPPING=1/);
    expect(receiver.output).not.to.contain('WATCHDOG');
  });
});
