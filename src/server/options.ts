/** What the server needs to know; made from imapd.conf by the command line. */
import type { Catalog } from '../catalog/catalog.ts';
import type { ConnectionSecurity, Passwords } from './auth/exchange.ts';
import type { OpenBackupsOptions } from './openBackups.ts';
import type { TlsContext } from './tls.ts';

export interface Log {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

export interface ServerOptions {
  readonly serverName: string;
  readonly version: string;
  readonly catalog: Catalog;
  readonly backups: OpenBackupsOptions;
  readonly log: Log;
  /** The SASL mechanisms on offer, on a connection like this. */
  readonly mechanisms: (security: ConnectionSecurity) => string[];
  readonly passwords: Passwords;
  /** null: no TLS. Its certificates can be replaced while the server runs. */
  readonly tls: TlsContext | null;
  readonly admins: readonly string[];
  /** Staged messages held in memory, by a session, compressed. */
  readonly stagingMemoryBytes: number;
  readonly maxConnections: number;
  /** How long an unauthenticated peer may say nothing. */
  readonly loginTimeoutMs: number;
  /** How long an authenticated one may (sync_timeout). */
  readonly idleTimeoutMs: number;
  /** After how long its locks are given up; its staged messages stay. */
  readonly releaseTimeoutMs: number;
  readonly failedLoginPauseMs: number;
  /** Failed logins in one connection before it is closed. */
  readonly failedLoginLimit: number;
}
