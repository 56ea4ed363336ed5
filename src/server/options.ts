/**
 * The server's options, which the command line derives from imapd.conf.
 */
import type { Alarms } from './alarm/alarms.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { ConnectionSecurity, Passwords } from './auth/exchange.ts';
import type { Limits } from '../protocol/limits.ts';
import type { DiskSpace } from './limits/diskSpace.ts';
import type { HostLimits } from './limits/hostLimits.ts';
import type { Memory } from './limits/memory.ts';
import type { OpenBackupsOptions } from './openBackups.ts';
import type { TlsContext } from './tls/tls.ts';
import type { Log } from '../logging/events.ts';
import type { StatusWriter } from '../status/statusWriter.ts';

export interface ServerOptions {
  readonly serverName: string;
  readonly version: string;
  readonly catalog: Catalog;
  readonly backups: OpenBackupsOptions;
  readonly log: Log;
  /** Where results are recorded; undefined: nowhere. */
  readonly status?: StatusWriter;
  /** What watches for losses of mail; undefined: nothing. */
  readonly alarms?: Alarms;
  /** Returns the SASL mechanisms to offer on a connection with this security. */
  readonly mechanisms: (security: ConnectionSecurity) => string[];
  readonly passwords: Passwords;
  /** null means no TLS. The certificates can be replaced while the server runs. */
  readonly tls: TlsContext | null;
  readonly admins: readonly string[];
  /** The most compressed bytes of staged messages that a session may hold in memory. */
  readonly stagingMemoryBytes: number;
  /** Limits on what authenticated peers may send. */
  readonly limits: Limits;
  readonly maxConnections: number;
  /** The limits that all listeners share. */
  readonly hosts: HostLimits;
  readonly disk: DiskSpace;
  readonly memory: Memory;
  /** The folder with one folder for each user whose sessions are logged (see telemetry.ts). */
  readonly telemetryDirectory: string;
  /** How long a peer may take to log in. */
  readonly loginTimeoutMs: number;
  /** How long a logged-in peer may be silent between commands (sync_timeout). */
  readonly idleTimeoutMs: number;
  /** How long a peer may accept no data of an answer. The peer keeps its locks meanwhile. */
  readonly writeTimeoutMs: number;
  /** How long a command may take to arrive, and each message in it. */
  readonly commandTimeoutMs: number;
  /** After the session has waited this long for its peer, the peer's locks are released. */
  readonly releaseTimeoutMs: number;
  readonly failedLoginPauseMs: number;
  /** The number of failed logins after which a connection is closed. */
  readonly failedLoginLimit: number;
}
