/**
 * Notifies the supervisor (sd_notify(3)) that the process is ready, alive, reloads its
 * configuration, or stops. A notification is a datagram on a unix socket, for which Node has no
 * function. Without NOTIFY_SOCKET nothing is sent, and failures are ignored.
 */
import koffi from 'koffi';

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const MSG_NOSIGNAL = 0x4000;
/** The path's offset in Linux's sockaddr_un, which begins with the family. */
const PATH_OFFSET = 2;
const LONGEST_PATH = 107;

export type SupervisorState = 'READY=1' | 'RELOADING=1' | 'STOPPING=1' | 'WATCHDOG=1';

type Call<A extends unknown[]> = (...args: A) => number;

export function tellSupervisor(state: SupervisorState): void {
  const path = process.env['NOTIFY_SOCKET'] ?? '';
  if (!/^[@/]/.test(path) || Buffer.byteLength(path) > LONGEST_PATH) return;
  // Type=notify-reload expects the time of the reload (CLOCK_MONOTONIC, as in hrtime).
  const since = state === 'RELOADING=1' ? `\nMONOTONIC_USEC=${process.hrtime.bigint() / 1000n}` : '';
  send(path, Buffer.from(`${state}${since}`));
}

/**
 * Reports the process alive twice in each period of the supervisor's watchdog (WatchdogSec=, passed
 * as in sd_watchdog_enabled(3)). The reports come from the event loop: if it no longer turns, they
 * stop, and the supervisor restarts the process. They do not keep the process running. Without a
 * watchdog nothing happens.
 */
export function feedWatchdog(environment: NodeJS.ProcessEnv = process.env, pid = process.pid): void {
  const periodMs = Number(environment['WATCHDOG_USEC'] ?? Number.NaN) / 1000;
  const watched = environment['WATCHDOG_PID'];
  if (!(periodMs >= 1) || (watched !== undefined && Number(watched) !== pid)) return;
  tellSupervisor('WATCHDOG=1');
  setInterval(() => tellSupervisor('WATCHDOG=1'), periodMs / 2).unref();
}

function send(path: string, text: Buffer): void {
  const { socket, sendto, close } = (functions ??= loadFunctions());
  const fd = socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
  if (fd < 0) return;
  const address = Buffer.alloc(PATH_OFFSET + Buffer.byteLength(path) + 1);
  address.writeUInt16LE(AF_UNIX);
  address.write(path, PATH_OFFSET);
  // A name that begins with @ is in the abstract namespace. In the address, a NUL replaces the @,
  // and no NUL follows the name.
  const isAbstract = path.startsWith('@');
  if (isAbstract) address[PATH_OFFSET] = 0;
  sendto(fd, text, text.length, MSG_NOSIGNAL, address, address.length - (isAbstract ? 1 : 0));
  close(fd);
}

interface Functions {
  readonly socket: Call<[number, number, number]>;
  readonly sendto: Call<[number, Buffer, number, number, Buffer, number]>;
  readonly close: Call<[number]>;
}

let functions: Functions | undefined;

function loadFunctions(): Functions {
  const libc = koffi.load(null);
  return {
    socket: libc.func('int socket(int, int, int)'),
    sendto: libc.func('long sendto(int, void *, size_t, int, void *, uint32_t)'),
    close: libc.func('int close(int)'),
  };
}
