/** What the server needs to know; made from imapd.conf by the command line. */
import type { Catalog } from '../catalog/catalog.ts';
import type { ConnectionSecurity, Passwords } from './auth/exchange.ts';
import type { Limits } from '../protocol/limits.ts';
import type { DiskSpace } from './diskSpace.ts';
import type { HostLimits } from './hostLimits.ts';
import type { Memory } from './memory.ts';
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
  /** On what authenticated peers may send. */
  readonly limits: Limits;
  readonly maxConnections: number;
  /** Shared by all listeners. */
  readonly hosts: HostLimits;
  readonly disk: DiskSpace;
  readonly memory: Memory;
  /** Where the directories of users are whose sessions are logged; see telemetry.ts. */
  readonly telemetryDirectory: string;
  /** How long a peer may take to log in. */
  readonly loginTimeoutMs: number;
  /** How long one that has may say nothing between commands (sync_timeout). */
  readonly idleTimeoutMs: number;
  /** How long a peer may take nothing of an answer: meanwhile its locks are held. */
  readonly writeTimeoutMs: number;
  /** How long a command may take to come in, and each message in it. */
  readonly commandTimeoutMs: number;
  /** After how long of waiting for the peer its locks are given up. */
  readonly releaseTimeoutMs: number;
  readonly failedLoginPauseMs: number;
  /** Failed logins in one connection before it is closed. */
  readonly failedLoginLimit: number;
}
