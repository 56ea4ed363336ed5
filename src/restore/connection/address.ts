/**
 * Where to restore to, as it stands on a command line: `host`, `host:port`, `[::1]:port`, `imap://host`, `imaps://host`,
 * `csync://host`, each with `user@` before the host if wanted. Without a scheme, a server on port 2005 (or `csync`) is a
 * sync_server and any other an IMAP server, unless its greeting says otherwise.
 */
import { BackupError } from '../../errors.ts';

export interface ServerAddress {
  readonly host: string;
  /** In the order to be tried: where none is given, IMAP and then csync, as the original does. */
  readonly ports: readonly number[];
  /** TLS from the first byte on. */
  readonly isImplicitTls: boolean;
  readonly user: string | undefined;
}

const PORTS = { imap: 143, imaps: 993, csync: 2005 } as const;
const ADDRESS =
  /^(?:(imap|imaps|csync):\/\/)?(?:([^@/]*)@)?(\[[0-9a-f:.]+\]|[^:/[\]]+)(?::([a-z0-9]+))?\/?$/i;

/** Throws 'usage', naming the text. */
export function parseAddress(text: string): ServerAddress {
  const match = ADDRESS.exec(text);
  const host = match?.[3]?.replace(/^\[|\]$/g, '');
  if (match === null || host === undefined) throw unknown(text);
  const scheme = match[1]?.toLowerCase() as keyof typeof PORTS | undefined;
  const named = match[4];
  const given = named === undefined ? undefined : portOf(named, text);
  const fallback = scheme === undefined ? [PORTS.imap, PORTS.csync] : [PORTS[scheme]];
  return {
    host,
    ports: given === undefined ? fallback : [given],
    isImplicitTls: scheme === 'imaps' || (scheme === undefined && given === PORTS.imaps),
    user: match[2] === undefined ? undefined : decodeURIComponent(match[2]),
  };
}

function portOf(text: string, address: string): number {
  const port = Object.entries(PORTS).find(([name]) => name === text.toLowerCase())?.[1] ?? Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw unknown(address);
  return port;
}

function unknown(text: string): BackupError {
  return new BackupError(
    'usage',
    `${text}: not a server (host, host:port, imap://, imaps:// or csync://host)`,
  );
}
