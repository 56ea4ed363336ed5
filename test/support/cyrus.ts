/**
 * A real Cyrus master (Debian's) for a test. It runs as user cyrus in its own folder and on its own
 * ports, and leaves the system's Cyrus alone. Its sync_client replicates to any server that a test
 * names.
 *
 * Needs root and the packages in `cyrusRequirements`. master does not pass its -C on to the
 * services, so each service has its own (seen with 3.6.1).
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { ADMIN, cyrusConf, imapdConf, REALM } from './cyrusConf.ts';
import { ImapClient, type FetchedMessage } from './imapClient.ts';
import { Daemon, freePorts, makeFolder, run, waitUntil, type Outcome } from './machine.ts';
import { SieveClient } from './sieveClient.ts';
import { SocketReader } from './socketReader.ts';

export const CYRUS_BIN = '/usr/lib/cyrus/bin';

/** The server that sync_client connects to. */
export interface SyncServer {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** More lines of the master's imapd.conf for this server, such as `tls_client_cert: FILE`. */
  readonly clientConf?: readonly string[];
}

export interface MasterOptions {
  /** Lines to append to imapd.conf. */
  readonly extraConf?: string;
  /** Enables threads, which JMAP needs: each record then has one more annotation. */
  readonly hasConversations?: boolean;
  /** The folder with all of Cyrus' programs; Debian's by default. */
  readonly bin?: string;
  /** Also runs the original backupd, to compare with; `originalBackupd` is its address. */
  readonly withBackupd?: boolean;
}

/** Returns command and arguments to run something as user cyrus. It dies with the tests. */
export function asCyrus(command: string, args: readonly string[]): [string, string[]] {
  const identity = ['--reuid=cyrus', '--regid=mail', '--init-groups', '--pdeathsig=KILL'];
  return ['setpriv', [...identity, '--', command, ...args]];
}

export const cyrusEnv: NodeJS.ProcessEnv = {
  PATH: `${CYRUS_BIN}:/usr/sbin:/usr/bin:/sbin:/bin`,
  TZ: 'UTC',
  LANG: 'C.UTF-8',
  CYRUS_USER: 'cyrus',
};

export function giveToCyrus(path: string): void {
  execFileSync('chown', ['-R', 'cyrus:mail', path]);
}

export class CyrusMaster {
  readonly folder: string;
  readonly imapPort: number;
  /** Its sync_server, to restore or replicate into. */
  readonly syncServer: SyncServer;
  readonly originalBackupd: SyncServer;
  readonly #bin: string;
  readonly #sievePort: number;
  readonly #daemon: Daemon;
  #confs = 0;

  private constructor(
    folder: string,
    ports: { imap: number; sieve: number; sync: number; backupd: number },
    daemon: Daemon,
    bin: string,
  ) {
    this.folder = folder;
    this.#bin = bin;
    this.imapPort = ports.imap;
    this.syncServer = { host: '127.0.0.1', port: ports.sync, ...ADMIN };
    this.originalBackupd = { host: '127.0.0.1', port: ports.backupd, ...ADMIN };
    this.#sievePort = ports.sieve;
    this.#daemon = daemon;
  }

  static async start(options: MasterOptions = {}): Promise<CyrusMaster> {
    const folder = makeFolder('master');
    const [imap, sieve, sync, backupd] = (await freePorts(4)) as [number, number, number, number];
    const inConf = ['db', 'proc', 'socket', 'log', 'sync'].map((name) => join('conf', name));
    for (const name of [...inConf, 'data', 'sieve', 'tmp', 'backup']) {
      mkdirSync(join(folder, name), { recursive: true });
    }
    const conf = join(folder, 'imapd.conf');
    writeFileSync(conf, imapdConf(folder, options.hasConversations ?? false) + (options.extraConf ?? ''));
    writeFileSync(
      join(folder, 'cyrus.conf'),
      cyrusConf(conf, { imap, sieve, sync, backupd: options.withBackupd === true ? backupd : undefined }),
    );
    await addPassword(folder, ADMIN.user, ADMIN.password);
    giveToCyrus(folder);
    const args = ['-C', conf, '-M', join(folder, 'cyrus.conf'), '-p', join(folder, 'master.pid')];
    // Runs in a session of its own, so that master and services form one process group and can be
    // ended together.
    const bin = options.bin ?? CYRUS_BIN;
    const daemon = new Daemon(...asCyrus(`${bin}/master`, args), {
      cwd: folder,
      env: cyrusEnv,
      detached: true,
    });
    const master = new CyrusMaster(folder, { imap, sieve, sync, backupd }, daemon, bin);
    await master.#waitForPort(imap);
    return master;
  }

  /** Creates an account and its INBOX. The password is the user's name. */
  async createUser(user: string): Promise<void> {
    await this.addAccount(user);
    const admin = await this.admin();
    await admin.create(`user/${user}`);
    admin.close();
  }

  /** The version of the running programs, from the greeting. */
  async version(): Promise<string> {
    const reader = await SocketReader.connect(this.imapPort);
    const greeting = await reader.line().finally(() => reader.close());
    return / Cyrus IMAP (\d[\d.]*(?:-\d+-g\w+|-Debian)?)/.exec(greeting)?.[1] ?? greeting;
  }

  /** Creates an account without a mailbox. The password is the user's name. */
  async addAccount(user: string): Promise<void> {
    await addPassword(this.folder, user, user);
    giveToCyrus(join(this.folder, 'sasldb2'));
  }

  /** Runs one of Cyrus' tools on this master. Throws if it fails. */
  async command(name: string, args: readonly string[]): Promise<Outcome> {
    const outcome = await this.tool(name, ...args);
    if (outcome.code !== 0) throw new Error(`${name}: ${outcome.stderr}`);
    return outcome;
  }

  /** Reports whether a rolling sync_client has nothing left to do. */
  hasCaughtUp(): boolean {
    const folder = join(this.folder, 'conf/sync/backup');
    return !existsSync(join(folder, 'log')) && !existsSync(join(folder, 'log-run'));
  }

  imap(user: string): Promise<ImapClient> {
    return ImapClient.login(this.imapPort, user, user);
  }

  admin(): Promise<ImapClient> {
    return ImapClient.login(this.imapPort, ADMIN.user, ADMIN.password);
  }

  sieve(user: string): Promise<SieveClient> {
    return SieveClient.login(this.#sievePort, user, user);
  }

  /**
   * Runs `sync_client -n CHANNEL ARGS` with a channel to the server. It retries for ever if nothing
   * listens there, hence the timeout, which is reported as code -1.
   */
  syncClient(args: readonly string[], server: SyncServer, timeoutMs = 120_000): Promise<Outcome> {
    const conf = this.#confFor(server);
    const [command, all] = asCyrus(`${this.#bin}/sync_client`, ['-C', conf, '-n', 'backup', '-v', ...args]);
    return run(command, all, { env: cyrusEnv, timeoutMs });
  }

  /** Starts the same as a process that a test can watch or end. */
  startSyncClient(args: readonly string[], server: SyncServer): Daemon {
    const all = asCyrus(`${this.#bin}/sync_client`, [
      '-C',
      this.#confFor(server),
      '-n',
      'backup',
      '-v',
      ...args,
    ]);
    return new Daemon(...all, { env: { ...cyrusEnv, CYRUS_ISDAEMON: '1' } });
  }

  /** Runs one of Cyrus' own tools over this master's files, such as cyr_expire. */
  tool(name: string, ...args: string[]): Promise<Outcome> {
    const conf = join(this.folder, 'imapd.conf');
    return run(...asCyrus(`${this.#bin}/${name}`, ['-C', conf, ...args]), { env: cyrusEnv });
  }

  /**
   * Starts `sync_client -r`, which follows the sync log. CYRUS_ISDAEMON keeps it from forking into
   * the background.
   */
  rolling(server: SyncServer): Daemon {
    return this.startSyncClient(['-l', '-r'], server);
  }

  /** Returns all messages that the master holds for a user, by mailbox name as the user sees it. */
  async truth(user: string): Promise<Map<string, FetchedMessage[]>> {
    const client = await this.imap(user);
    const mailboxes = new Map<string, FetchedMessage[]>();
    for (const name of await client.list()) {
      if (/^INBOX(\/|$)/.test(name)) mailboxes.set(name, await client.messages(name));
    }
    client.close();
    return mailboxes;
  }

  /** Ends master and its services, and deletes the folder. */
  async stop(): Promise<void> {
    const group = this.#daemon.child.pid;
    await this.#daemon.stop();
    try {
      if (group !== undefined) process.kill(-group, 'SIGKILL');
    } catch {
      // No service outlived the master.
    }
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  #confFor(server: SyncServer): string {
    const path = join(this.folder, `sync-${++this.#confs}.conf`);
    const channel = [
      `backup_sync_host: ${server.host}`,
      `backup_sync_port: ${server.port}`,
      `backup_sync_authname: ${server.user}`,
      `backup_sync_password: ${server.password}`,
      'backup_sync_try_imap: no',
      'backup_sync_repeat_interval: 1',
      ...(server.clientConf ?? []),
    ];
    writeFileSync(path, `@include: ${join(this.folder, 'imapd.conf')}\n${channel.join('\n')}\n`);
    return path;
  }

  #waitForPort(port: number): Promise<true> {
    return waitUntil(
      () => (this.#daemon.hasExited ? Promise.reject(new Error(this.#daemon.output)) : answers(port)),
      {
        what: () => `master does not listen:\n${this.#daemon.output}`,
      },
    );
  }
}

function answers(port: number): Promise<true | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const finish = (answer: true | undefined): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('data', () => finish(true)).once('error', () => finish(undefined));
  });
}

async function addPassword(folder: string, user: string, password: string): Promise<void> {
  const [name = '', realm = REALM] = user.split('@');
  const args = ['-p', '-c', '-f', join(folder, 'sasldb2'), '-u', realm, name];
  const { code, stderr } = await run('/usr/sbin/saslpasswd2', args, { input: password });
  if (code !== 0) throw new Error(`saslpasswd2: ${stderr}`);
}
