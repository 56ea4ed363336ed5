/**
 * A backup server for a test, as a process of its own: our backupd, or the original one to compare
 * with. Its data stays in the folder when it is stopped or killed, so that another process can be
 * started over it.
 */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setPassword } from '../../src/config/passwordFile.ts';
import type { SyncServer } from './cyrus.ts';
import { Daemon, makeFolder, run, waitUntil, type Outcome } from './machine.ts';

export const SYNC_USER = { user: 'repluser', password: 'repl-secret' };
const BIN = new URL('../../bin/', import.meta.url).pathname;

/** Runs one of the programs in dist/bin to its end. */
export function runOurs(name: string, args: readonly string[], timeoutMs = 60_000): Promise<Outcome> {
  return run(join(BIN, name), args, { timeoutMs });
}

export class BackupServer {
  readonly folder: string;
  readonly conf: string;
  #daemon: Daemon | undefined;
  readonly #isTls: boolean;
  readonly #hasSocket: boolean;
  #port = 0;

  private constructor(folder: string, isTls: boolean, hasSocket: boolean) {
    this.folder = folder;
    this.#isTls = isTls;
    this.#hasSocket = hasSocket;
    this.conf = join(folder, 'imapd.conf');
  }

  /**
   * With `isTls`, TLS is spoken from the first byte. A `backupd_KEY` in extraConf wins over the KEY
   * that is set here.
   */
  static async start(extraConf = '', isTls = false, hasSocket = false): Promise<BackupServer> {
    const server = new BackupServer(makeFolder('backupd'), isTls, hasSocket);
    for (const name of ['conf', 'data', 'tmp']) mkdirSync(join(server.folder, name), { mode: 0o700 });
    server.configure(extraConf);
    await setPassword(join(server.folder, 'passwd'), SYNC_USER.user, SYNC_USER.password);
    await server.startAgain();
    return server;
  }

  /** Starts a process over the same data, on a new port. */
  async startAgain(): Promise<void> {
    const args = ['-C', this.conf, '--listen', `127.0.0.1:0${this.#isTls ? '/tls' : ''}`];
    if (this.#hasSocket) args.push('--listen', this.socket);
    this.#daemon = new Daemon(join(BIN, 'backupd'), args);
    const ready = await this.#daemon.waitForOutput(/backupd: listening on 127\.0\.0\.1:(\d+)/);
    this.#port = Number(ready[1]);
  }

  /** Rewrites the configuration without telling the process. */
  configure(extraConf: string): void {
    writeFileSync(this.conf, backupConf(this.folder) + extraConf);
  }

  /** Sends the process a signal, and waits until its log matches. */
  async signal(name: NodeJS.Signals, logs: RegExp): Promise<void> {
    const before = this.log.length;
    this.#daemon?.child.kill(name);
    await waitUntil(() => logs.test(this.log.slice(before)), { what: () => this.log });
  }

  get address(): SyncServer {
    return { host: '127.0.0.1', port: this.#port, ...SYNC_USER };
  }

  /** Path of the unix socket, if the server was started with one. */
  get socket(): string {
    return join(this.folder, 'socket');
  }

  get pid(): number {
    return this.#daemon?.child.pid ?? 0;
  }

  get log(): string {
    return this.#daemon?.output ?? '';
  }

  get isRunning(): boolean {
    return this.#daemon !== undefined && !this.#daemon.hasExited;
  }

  /** Kills the process as a crash does: no handler runs. */
  async kill(): Promise<void> {
    await this.#daemon?.stop('SIGKILL');
  }

  /** Path of a user's data file as `ctl_backups list` prints it; undefined if there is none. */
  async dataFile(user: string): Promise<string | undefined> {
    const { stdout } = await runOurs('ctl_backups', ['-C', this.conf, 'list']);
    const row = stdout.split('\n').find((line) => line.split('\t').some((field) => field.trim() === user));
    return row?.split('\t').find((field) => field.startsWith('/') && existsSync(field));
  }

  async stop(): Promise<void> {
    await this.#daemon?.stop();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

function backupConf(folder: string): string {
  return `configdirectory: ${folder}/conf
backuppartition-default: ${folder}/data
temp_path: ${folder}/tmp
servername: backup.example
admins: ${SYNC_USER.user}
unixhierarchysep: on
altnamespace: off
virtdomains: userid
defaultdomain: internal.example
allowplaintext: yes
sasl_mech_list: PLAIN
sasl_pwcheck_method: auxprop
backup_passwd_file: ${folder}/passwd
backup_log_format: text
`;
}
