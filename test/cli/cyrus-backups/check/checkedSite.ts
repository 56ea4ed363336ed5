/**
 * A store that is well, with a backupd that greets, for the tests of check. Each test breaks it in
 * one way.
 */
import { expect } from 'chai';
import { once } from 'node:events';
import { appendFileSync, chmodSync, lstatSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { join } from 'node:path';
import { runCheckCommand } from '../../../../src/cli/cyrus-backups/check/command.ts';
import type { Finding, Level } from '../../../../src/cli/cyrus-backups/check/finding.ts';
import { setPassword } from '../../../../src/config/passwordFile.ts';
import { Capture, SampleSite, START_TIME } from '../../../backup/sampleBackup.ts';

const GREETING = '* OK backup.example Cyrus backup server 1.0\r\n';

export interface Report {
  readonly code: number;
  readonly findings: readonly Finding[];
  readonly level: Level;
}

/** Starts a server that says one greeting, on a free port of loopback; `null` says nothing. */
export async function startGreeter(greeting: string | null): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    if (greeting !== null) socket.end(greeting);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** What tests of a store do not judge: the machine, and how full its disk is. */
const ofMachine = ({ what, message }: Finding): boolean =>
  ['limits', 'mount', 'account'].includes(what) || / are free/.test(message);

export class CheckedSite {
  readonly site: SampleSite;
  /** The server that should be backupd. */
  backupd: Server;
  readonly #now = Date.now;

  private constructor(site: SampleSite, backupd: Server) {
    this.site = site;
    this.backupd = backupd;
  }

  static async create(): Promise<CheckedSite> {
    const site = await SampleSite.create(['anne', 'bob@example.com']);
    for (const name of ['conf', 'data']) chmodSync(join(site.folder, name), 0o700);
    const lines = ['admins: repluser', 'backup_disk_reserve: 1K', `backup_staging_path: ${site.folder}/up`];
    appendFileSync(site.config, `${lines.join('\n')}\n`);
    chmodSync(site.config, 0o640);
    await setPassword(join(site.folder, 'conf/backup.passwd'), 'repluser', 'secret');
    const world = new CheckedSite(site, await startGreeter(GREETING));
    world.setClock((START_TIME + 3600) * 1000);
    return world;
  }

  setClock(nowMs: number): void {
    Date.now = () => nowMs;
  }

  useRealClock(): void {
    Date.now = this.#now;
  }

  remove(): void {
    this.useRealClock();
    this.backupd.close();

    this.site.remove();
  }

  get arguments(): string[] {
    const { port } = this.backupd.address() as AddressInfo;
    return ['-C', this.site.config, '--listen', `127.0.0.1:${port}`];
  }

  /** Appends lines to the configuration. */
  conf(...lines: string[]): void {
    appendFileSync(this.site.config, `${lines.join('\n')}\n`);
  }

  async check(...more: string[]): Promise<Report> {
    const io = new Capture();
    const code = await runCheckCommand([...this.arguments, '--json', ...more], io);
    return { code, ...(JSON.parse(io.out) as Omit<Report, 'code'>) };
  }

  /** Returns what is wrong with the store and its configuration. */
  async wrong(): Promise<Finding[]> {
    const { findings } = await this.check();
    return findings.filter((finding) => finding.level !== 'ok' && !ofMachine(finding));
  }

  /** Asserts that there is one finding of this level, with a cure, and that its text matches. */
  async expectOnly(level: Level, ...patterns: RegExp[]): Promise<void> {
    const found = await this.wrong();
    expect(found, JSON.stringify(found, null, 1)).to.have.length(1);
    const [finding] = found;
    expect(finding?.level).to.equal(level);
    expect(finding?.cure, 'says what to do').to.match(/\w/);
    for (const pattern of patterns) expect(JSON.stringify(finding)).to.match(pattern);
  }
}

/** Lists all files below a folder with everything that a change would alter. */
export function everythingBelow(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return names.toSorted().map((name) => {
    const { mode, uid, gid, size, mtimeMs, ctimeMs, ino } = lstatSync(join(folder, name));
    return JSON.stringify([name, mode, uid, gid, size, mtimeMs, ctimeMs, ino]);
  });
}
