/**
 * Binds the server's listening sockets: TCP ports, unix sockets, and sockets that a supervisor
 * opened (systemd's socket activation).
 *
 * A unix socket has its mode from the start. If a killed server left a socket at the path, that
 * socket is removed. If the path is not a socket, or if a process listens on it, it is not touched.
 */
import { connect } from 'node:net';
import type { ListenOptions, Server } from 'node:net';
import { dirname } from 'node:path';
import { asBackupError, BackupError } from '../errors.ts';
import { disk } from '../fs/disk/current.ts';

export interface TcpAddress {
  readonly host: string;
  /** 0 means any free port. */
  readonly port: number;
  /** TLS from the first byte, instead of STARTTLS. */
  readonly isTls?: boolean;
}

export interface UnixAddress {
  readonly path: string;
  /** The socket's mode, which determines who may connect. */
  readonly mode: number;
}

export interface InheritedSocket {
  /** The descriptor of a socket that is already bound and listening. */
  readonly fd: number;
  readonly isTls?: boolean;
}

export type ListenAddress = TcpAddress | UnixAddress | InheritedSocket;

export interface BoundAddress {
  /** 0 for a unix socket. */
  readonly port: number;
  /** The address as messages show it: `host:port`, or the path. */
  readonly text: string;
}

export function isTlsFromStart(address: ListenAddress): boolean {
  return !('path' in address) && (address.isTls ?? false);
}

/** Throws a BackupError that names the address. */
export async function bind(server: Server, address: ListenAddress): Promise<BoundAddress> {
  try {
    if ('path' in address) await bindUnix(server, address);
    else await listening(server, 'fd' in address ? { fd: address.fd } : { ...address });
  } catch (error) {
    throw asBackupError(error, `cannot listen on ${textOf(address)}`);
  }
  const bound = server.address();
  if (bound === null || typeof bound === 'string') return { port: 0, text: bound ?? textOf(address) };
  return { port: bound.port, text: hostAndPort(bound.address, bound.port) };
}

function textOf(address: ListenAddress): string {
  if ('path' in address) return address.path;
  return 'fd' in address ? `descriptor ${address.fd}` : hostAndPort(address.host, address.port);
}

/** Formats an address as --listen takes it: an IPv6 address stands in brackets. */
function hostAndPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

async function bindUnix(server: Server, { path, mode }: UnixAddress): Promise<void> {
  // listen(2) calls a missing folder EACCES.
  if (disk.stat(dirname(path)) === undefined) {
    throw new BackupError(
      'not-found',
      `cannot listen on ${path}: its folder is missing: mkdir ${dirname(path)}`,
      {
        subject: path,
      },
    );
  }
  if (await isLeftover(path)) disk.unlink(path);
  const umask = process.umask(0o777 & ~mode);
  try {
    // The call creates the socket before it returns.
    const done = listening(server, { path });
    process.umask(umask);
    await done;
  } finally {
    process.umask(umask);
  }
}

function listening(server: Server, options: ListenOptions & { readonly fd?: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Reports whether the path is a socket on which nobody listens any more. */
async function isLeftover(path: string): Promise<boolean> {
  if (disk.lstat(path)?.isSocket() !== true) return false;
  return new Promise((resolve) => {
    const socket = connect({ path });
    const decide = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => decide(false));
    socket.once('error', (error: NodeJS.ErrnoException) => decide(error.code === 'ECONNREFUSED'));
  });
}
