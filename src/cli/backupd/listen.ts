/**
 * The addresses on which backupd listens: those of --listen, and the sockets that systemd passes on
 * (sd_listen_fds(3)).
 */
import type { Config } from '../../config/imapdConf.ts';
import { BackupError, messageOf } from '../../errors.ts';
import type { InheritedSocket, ListenAddress } from '../../server/bind.ts';

import { DEFAULT_LISTEN } from './program.ts';

const FIRST_FD = 3;

/**
 * Parses `HOST:PORT`, `HOST:PORT/tls`, or the absolute path of a unix socket, which gets
 * `socketMode`. Throws BackupError 'usage'.
 */
export function listenAddress(text: string, socketMode: number): ListenAddress {
  if (text.startsWith('/')) return { path: text, mode: socketMode };
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})(\/tls)?$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new BackupError(
      'usage',
      `--listen ${text}: host:port is expected, or host:port/tls, or the path of a unix socket`,
    );
  }
  return { host: match[1] ?? match[2] ?? '', port, isTls: match[4] !== undefined };
}

/** Returns the addresses of the configuration, or the default. Throws BackupError 'config'. */
export function listenAddresses(config: Config, socketMode: number): ListenAddress[] {
  const texts = config.backup_listen.length > 0 ? config.backup_listen : [DEFAULT_LISTEN];
  try {
    return texts.map((text) => listenAddress(text, socketMode));
  } catch (error) {
    const reason = messageOf(error).replace(/^--listen/, 'backup_listen:');
    throw new BackupError('config', `${config.file}: ${reason}`, { cause: error, subject: config.file });
  }
}

/** Parses an octal mode, as for chmod(1). Throws BackupError 'usage'. */
export function socketModeOf(text: string): number {
  if (!/^0?[0-7]{3}$/.test(text)) {
    throw new BackupError('usage', `--socket-mode ${text}: an octal mode like 0660 is expected`);
  }
  return parseInt(text, 8);
}

/**
 * Returns the sockets that systemd passed to this process. A socket named `tls`
 * (FileDescriptorName=) uses TLS from the first byte.
 */
export function inheritedSockets(environment: NodeJS.ProcessEnv, pid: number): InheritedSocket[] {
  if (Number(environment['LISTEN_PID']) !== pid) return [];
  const count = Number(environment['LISTEN_FDS']);
  if (!Number.isSafeInteger(count) || count < 1 || count > 1024) return [];
  const names = (environment['LISTEN_FDNAMES'] ?? '').split(':');
  return Array.from({ length: count }, (_, index) => ({
    fd: FIRST_FD + index,
    isTls: names[index] === 'tls',
  }));
}
