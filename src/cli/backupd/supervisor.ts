/**
 * Notifies the supervisor (sd_notify(3)) that the process is ready, reloads its configuration, or
 * stops. A notification is a datagram on a unix socket, for which Node has no function. Without
 * NOTIFY_SOCKET nothing is sent, and failures are ignored.
 */
import koffi from 'koffi';

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const MSG_NOSIGNAL = 0x4000;
/** The path's offset in Linux's sockaddr_un, which begins with the family. */
const PATH_OFFSET = 2;
const LONGEST_PATH = 107;

export type SupervisorState = 'READY=1' | 'RELOADING=1' | 'STOPPING=1';

type Call<A extends unknown[]> = (...args: A) => number;

export function tellSupervisor(state: SupervisorState): void {
  const path = process.env['NOTIFY_SOCKET'] ?? '';
  if (!/^[@/]/.test(path) || Buffer.byteLength(path) > LONGEST_PATH) return;
  // Type=notify-reload expects the time of the reload (CLOCK_MONOTONIC, as in hrtime).
  const since = state === 'RELOADING=1' ? `\nMONOTONIC_USEC=${process.hrtime.bigint() / 1000n}` : '';
  send(path, Buffer.from(`${state}${since}`));
}

function send(path: string, text: Buffer): void {
  const libc = koffi.load(null);
  const socket: Call<[number, number, number]> = libc.func('int socket(int, int, int)');
  const sendto: Call<[number, Buffer, number, number, Buffer, number]> = libc.func(
    'long sendto(int, void *, size_t, int, void *, uint32_t)',
  );
  const close: Call<[number]> = libc.func('int close(int)');
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
