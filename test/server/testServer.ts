/**
 * A server in the test's own process, on a free loopback port, with a folder of its own; limits are short, so that
 * what waits for them does not wait long. And its clients: most tests want one that is logged in.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { constants, gunzipSync } from 'node:zlib';
import { Catalog } from '../../src/catalog/catalog.ts';
import { defaultLimits } from '../../src/protocol/limits.ts';
import { DiskSpace } from '../../src/server/limits/diskSpace.ts';
import { HostLimits } from '../../src/server/limits/hostLimits.ts';
import { Memory } from '../../src/server/limits/memory.ts';
import { Listener } from '../../src/server/listener.ts';
import type { ServerOptions } from '../../src/server/options.ts';
import { EVENTS } from '../../src/logging/events.ts';
import { textLine } from '../../src/logging/format.ts';
import { heldRecords } from '../support/heldRecords.ts';
import { SyncConnection } from '../support/syncConnection.ts';

const ADMIN = 'repluser';
const PASSWORD = 'replpw';

/** The argument of AUTHENTICATE PLAIN. */
export function plain(user = ADMIN, password = PASSWORD): string {
  return Buffer.from(`\0${user}\0${password}`).toString('base64');
}

type Changes = Partial<Omit<ServerOptions, 'backups'>> & {
  readonly backups?: Partial<ServerOptions['backups']>;
};

export class TestServer {
  readonly folder: string;
  readonly catalog: Catalog;
  readonly log: string[];
  readonly port: number;
  readonly #listener: Listener;
  readonly #clients: SyncConnection[] = [];
  #isStopped = false;

  private constructor(folder: string, catalog: Catalog, log: string[], listener: Listener, port: number) {
    this.folder = folder;
    this.catalog = catalog;
    this.log = log;
    this.#listener = listener;
    this.port = port;
  }

  /** With `isTls`, TLS is spoken from the first byte; changes.tls has its certificates. */
  static async start(changes: Changes = {}, isTls = false): Promise<TestServer> {
    const folder = mkdtempSync(join(tmpdir(), 'server-'));
    const data = join(folder, 'data');
    mkdirSync(data);
    const catalog = Catalog.open({
      databasePath: join(folder, 'backups.db'),
      fullDirHash: false,
      partitions: new Map([['default', data]]),
      mode: 'random',
      exclude: [],
      softUsageLimitPercent: 0,
      usageReinit: 0,
    });
    const log: string[] = [];
    const listener = new Listener(optionsFor(folder, catalog, log, changes));
    const { port } = await listener.listen({ host: '127.0.0.1', port: 0, isTls });
    return new TestServer(folder, catalog, log, listener, port);
  }

  /** A connection that is logged in; closed by stop() at the latest. */
  async login(): Promise<SyncConnection> {
    const client = await SyncConnection.login({ port: this.port, user: ADMIN, password: PASSWORD });
    this.#clients.push(client);
    return client;
  }

  dataPath(userid: string): string {
    const path = this.catalog.find(userid);
    if (path === null) throw new Error(`${userid} has no backup`);
    return path;
  }

  /** A mailbox's records as they are stored, ` RECORD (...)`; see heldRecords. */
  records(userid: string, mboxname: string): string {
    return heldRecords(this.dataPath(userid), mboxname);
  }

  /** All that a user's data file holds by now, decompressed, in latin1; its last chunk may still be open. */
  dataText(userid: string): string {
    const bytes = readFileSync(this.dataPath(userid));
    return gunzipSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH }).toString('latin1');
  }

  logged(text: string): boolean {
    return this.log.some((line) => line.includes(text));
  }

  /** The listener's stop alone. */
  async stopListening(): Promise<void> {
    this.#isStopped = true;
    await this.#listener.stop();
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.close();
    if (!this.#isStopped) await this.#listener.stop();
    this.catalog.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function optionsFor(folder: string, catalog: Catalog, log: string[], changes: Changes): ServerOptions {
  return {
    serverName: 'backup.example.com',
    version: '9.9',
    catalog,
    log: {
      write: (event, fields, where) => log.push(`${EVENTS[event].level} ${textLine(event, fields, where)}`),
    },
    mechanisms: () => ['PLAIN'],
    passwords: {
      verify: (_user, password) => Promise.resolve(password === PASSWORD),
      scram: () => null,
    },
    tls: null,
    admins: [ADMIN],
    stagingMemoryBytes: 64 * 1024,
    limits: defaultLimits,
    maxConnections: 100,
    hosts: new HostLimits({ connections: 0, failedLogins: 0, failedLoginWindowMs: 1000, unlimited: [] }),
    memory: new Memory({ totalBytes: 256 << 20, waitMs: 500, silentMs: 100 }),
    disk: new DiskSpace({ reserveBytes: 0, stagingDirectory: folder, partitions: [join(folder, 'data')] }),
    telemetryDirectory: join(folder, 'log'),
    commandTimeoutMs: 20_000,
    loginTimeoutMs: 20_000,
    writeTimeoutMs: 5000,
    idleTimeoutMs: 20_000,
    releaseTimeoutMs: 10_000,
    failedLoginPauseMs: 0,
    failedLoginLimit: 3,
    ...changes,
    backups: {
      stagingDirectory: folder,
      compressionLevel: 6,
      lockTimeoutMs: 50,
      deletedPrefix: 'DELETED',
      openBackups: 32,
      ...changes.backups,
    },
  };
}
