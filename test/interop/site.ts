/** A real master of some version of Cyrus, our backupd, and what its sync_client says to it. */
import { BackupServer } from '../support/backupdDaemon.ts';
import { differences } from '../support/convergence.ts';
import { CyrusMaster } from '../support/cyrus.ts';
import { waitUntil } from '../support/machine.ts';
import { LoggingProxy, type Exchange } from '../support/proxy.ts';

export interface SiteOptions {
  readonly hasConversations?: boolean;
  /** Lines for the end of the master's imapd.conf. */
  readonly extraConf?: string;
}

/** What the most patient of commands may take; a rolling sync_client is given as long to catch up. */
const PATIENCE_MS = 120_000;

export class Site {
  readonly master: CyrusMaster;
  readonly backup: BackupServer;
  /** Those whose backups are compared with the master. */
  readonly users: string[] = [];
  /** All that was said so far. */
  readonly exchanges: Exchange[] = [];
  readonly #proxy: LoggingProxy;

  private constructor(master: CyrusMaster, backup: BackupServer, proxy: LoggingProxy) {
    this.master = master;
    this.backup = backup;
    this.#proxy = proxy;
  }

  /** `bin` is the folder with Cyrus' programs; undefined for Debian's. */
  static async start(bin: string | undefined, options: SiteOptions = {}): Promise<Site> {
    const extraConf = `allowusermoves: yes\nsync_timeout: 60\n${options.extraConf ?? ''}`;
    const master = await CyrusMaster.start({ ...options, extraConf, ...(bin === undefined ? {} : { bin }) });
    const backup = await BackupServer.start();
    return new Site(master, backup, await LoggingProxy.start(backup.address.port));
  }

  async stop(): Promise<void> {
    await this.#proxy.stop();
    await Promise.all([this.master.stop(), this.backup.stop()]);
  }

  /** An account, compared from now on. */
  async createUser(user: string): Promise<void> {
    await this.master.createUser(user);
    this.users.push(user);
  }

  async asAdmin(...commands: string[]): Promise<void> {
    const admin = await this.master.admin();
    try {
      for (const command of commands) await admin.command(command);
    } finally {
      admin.close();
    }
  }

  /**
   * Runs sync_client, wants it content, and gives what was said. IMAP_SYNC_CHECKSUM is no refusal: it makes the master send
   * all of a mailbox.
   */
  async sync(...args: string[]): Promise<Exchange[]> {
    const server = { ...this.backup.address, port: this.#proxy.port };
    const { code, stdout, stderr } = await this.master.syncClient(args, server, PATIENCE_MS);
    const exchanges = await this.#taken();
    if (code !== 0) throw new Error(`sync_client ${args.join(' ')} ends with ${code}: ${stderr}${stdout}`);
    expectNoRefusal(exchanges);
    return exchanges;
  }

  /** Lets a rolling sync_client follow until it has caught up, with what was done before and what is done meanwhile. */
  async whileRolling(work?: () => Promise<unknown>): Promise<Exchange[]> {
    const rolling = this.master.rolling({ ...this.backup.address, port: this.#proxy.port });
    try {
      await work?.();
      await waitUntil(() => this.master.hasCaughtUp(), {
        timeoutMs: PATIENCE_MS,
        what: () => rolling.output,
      });
    } finally {
      await rolling.stop();
    }
    const exchanges = await this.#taken();
    expectNoRefusal(exchanges);
    return exchanges;
  }

  /** What differs between master and backup, in words; empty where nothing does. */
  differences(): Promise<string[]> {
    return differences(this.master, this.backup, this.users);
  }

  async #taken(): Promise<Exchange[]> {
    const exchanges = await this.#proxy.take();
    this.exchanges.push(...exchanges);
    return exchanges;
  }
}

/** What goes may be gone already: to UNUSER and UNMAILBOX sync_client takes that for an answer. */
function expectNoRefusal(exchanges: readonly Exchange[]): void {
  const refused = exchanges.filter(({ command, reply }) => {
    const isGone = command.startsWith('APPLY UN') && reply?.startsWith('NO IMAP_MAILBOX_NONEXISTENT ');
    return /^(BAD|NO (?!IMAP_SYNC_CHECKSUM ))/.test(reply ?? '') && isGone !== true;
  });
  const shown = refused.map(({ command, reply }) => `${command.slice(0, 80)}: ${reply}`);
  if (shown.length > 0) throw new Error(`refused: ${shown.join('; ')}`);
}

/** The commands that change something. */
export function applied(exchanges: readonly Exchange[]): string[] {
  return exchanges.flatMap(({ command }) => (command.startsWith('APPLY ') ? [command.slice(0, 200)] : []));
}
