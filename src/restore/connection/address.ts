/**
 * Parses the address of the server to restore to: `host`, `host:port`, `[::1]:port`, `imap://host`,
 * `imaps://host` or `csync://host`, each with an optional `user@` before the host. Without a
 * scheme, the server's greeting shows whether it is an IMAP server or a sync_server; port 993
 * (`imaps`) implies TLS.
 */
import { BackupError } from '../../errors.ts';

export interface ServerAddress {
  readonly host: string;
  /**
   * The ports, in the order in which they are tried. Without a port, IMAP comes first, then csync,
   * as in the original.
   */
  readonly ports: readonly number[];
  /** True if TLS starts with the first byte. */
  readonly isImplicitTls: boolean;
  readonly user: string | undefined;
}

const PORTS = { imap: 143, imaps: 993, csync: 2005 } as const;
const ADDRESS =
  /^(?:(imap|imaps|csync):\/\/)?(?:([^@/]*)@)?(\[[0-9a-f:.]+\]|[^:/[\]]+)(?::([a-z0-9]+))?\/?$/i;

/** Parses an address. Throws 'usage', quoting the text. */
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
