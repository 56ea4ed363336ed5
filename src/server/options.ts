/**
 * The server's options. The command line makes them from imapd.conf.
 */
import type { Catalog } from '../catalog/catalog.ts';
import type { ConnectionSecurity, Passwords } from './auth/exchange.ts';
import type { Limits } from '../protocol/limits.ts';
import type { DiskSpace } from './limits/diskSpace.ts';
import type { HostLimits } from './limits/hostLimits.ts';
import type { Memory } from './limits/memory.ts';
import type { OpenBackupsOptions } from './openBackups.ts';
import type { TlsContext } from './tls/tls.ts';

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
  /** Returns the SASL mechanisms to offer on such a connection. */
  readonly mechanisms: (security: ConnectionSecurity) => string[];
  readonly passwords: Passwords;
  /** null means no TLS. Its certificates can be replaced while the server runs. */
  readonly tls: TlsContext | null;
  readonly admins: readonly string[];
  /** Compressed bytes of staged messages that a session may hold in memory. */
  readonly stagingMemoryBytes: number;
  /** Limits on what authenticated peers may send. */
  readonly limits: Limits;
  readonly maxConnections: number;
  /** Shared by all listeners. */
  readonly hosts: HostLimits;
  readonly disk: DiskSpace;
  readonly memory: Memory;
  /** The folder with one folder for each user whose sessions are logged (see telemetry.ts). */
  readonly telemetryDirectory: string;
  /** How long a peer may take to log in. */
  readonly loginTimeoutMs: number;
  /** How long a logged-in peer may be silent between commands (sync_timeout). */
  readonly idleTimeoutMs: number;
  /** How long a peer may accept nothing of an answer. It keeps its locks meanwhile. */
  readonly writeTimeoutMs: number;
  /** How long a command may take to arrive, and each message in it. */
  readonly commandTimeoutMs: number;
  /** After this wait for the peer, its locks are released. */
  readonly releaseTimeoutMs: number;
  readonly failedLoginPauseMs: number;
  /** Failed logins in one connection before it is closed. */
  readonly failedLoginLimit: number;
}
