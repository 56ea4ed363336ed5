/**
 * A made-up master in a process of its own: it sends new mail, flags and expunges of user anne as
 * fast as backupd takes them, and reports how long each command took.
 *
 * In reality the master is another machine, so here nothing but backupd should delay it:
 *
 * - It starts no programs, because a fork stops all threads of a process for a while.
 * - It does not wait for a CPU that the readers use: if the soak is run by root, all its threads
 *   have the highest priority.
 * - It connects over a unix socket, because traffic on the loopback interface may wait for
 *   ksoftirqd, which has no priority.
 */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { BackupServer } from '../support/backupdDaemon.ts';
import type { SyncServer } from '../support/cyrus.ts';
import { MadeMaster } from '../support/madeMaster.ts';
import { SyncConnection } from '../support/syncConnection.ts';
import { WriterWaits } from '../support/writerWaits.ts';
import { message, upload } from '../server/made.ts';

const BASE_MESSAGES = 2000;
/** The message that is expunged is this many before the last one. */
const EXPUNGED_BEHIND = 20;
const STALL_MS = 100;
const HIGHEST_PRIORITY = -20;

interface MasterOptions {
  readonly address: SyncServer;
  readonly socket: string;
  readonly backupdPid: number;
}

export interface WriterOutcome {
  /** See WriterWaits.summary. */
  readonly summary: string;
  readonly rounds: number;
  /** Replies other than OK. */
  readonly faults: readonly string[];
}

export class BusyMaster {
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess) {
    this.#process = process;
  }

  /** Resolves when the first 2,000 messages are stored. */
  static async start(backup: BackupServer): Promise<BusyMaster> {
    const { address, socket, pid: backupdPid } = backup;
    const options: MasterOptions = { address, socket, backupdPid };
    // If it is not root, nice(1) prints a warning and runs the program without the priority.
    const child = fork(new URL(import.meta.url), [JSON.stringify(options)], {
      execPath: 'nice',
      execArgv: ['-n', String(HIGHEST_PRIORITY), process.execPath],
    });
    const master = new BusyMaster(child);
    await master.#answer();
    return master;
  }

  async write(durationMs: number): Promise<WriterOutcome> {
    this.#process.send(durationMs);
    return (await this.#answer()) as WriterOutcome;
  }

  async stop(): Promise<void> {
    const ended = once(this.#process, 'exit');
    if (this.#process.kill()) await ended;
  }

  async #answer(): Promise<unknown> {
    const ended = once(this.#process, 'exit').then(() => {
      throw new Error('the master has ended');
    });
    const [told] = (await Promise.race([once(this.#process, 'message'), ended])) as [unknown];
    return told;
  }
}

async function serve({ address, socket, backupdPid }: MasterOptions): Promise<void> {
  const master = new MadeMaster('user.anne');
  const connection = await SyncConnection.login(address, socket);
  const faults: string[] = [];

  async function send(command: string | Buffer): Promise<void> {
    const { reply } = await connection.exchange(command);
    if (!reply.startsWith('OK')) faults.push(`backupd: ${reply}`);
  }

  function flagged(round: number): string {
    return master.flag((round % BASE_MESSAGES) + 1, round % 2 === 0 ? ['\\Seen'] : ['\\Flagged', '$Work']);
  }

  async function write(durationMs: number): Promise<WriterOutcome> {
    const waits = new WriterWaits(backupdPid);
    const untilMs = Date.now() + durationMs;
    let rounds = 0;
    for (; Date.now() < untilMs; rounds += 1) {
      const last = master.lastUid;
      if (rounds % 3 === 0) {
        const body = message(`number ${last} ${'y'.repeat((rounds * 7) % 5000)}`);
        await waits.during('MESSAGE', () => send(upload(body)));
        await waits.during('append', () => send(master.append(body)));
      } else {
        const uid = last - EXPUNGED_BEHIND;
        const isOver = rounds % 3 === 2 && uid > BASE_MESSAGES && master.isLiving(uid);
        await waits.during('record', () => send(isOver ? master.expunge(uid) : flagged(rounds)));
      }
      await waits.during('RESTART', () => send('RESTART\r\n'));
    }
    return { summary: waits.summary(STALL_MS), rounds, faults: faults.splice(0) };
  }

  const bodies = Array.from({ length: BASE_MESSAGES }, (_, at) =>
    message(`number ${at} ${'x'.repeat(at % 3000)}`),
  );
  await send(upload(...bodies));
  await send(master.append(...bodies));
  await send('RESTART\r\n');
  process.on('message', (durationMs: number) => {
    void write(durationMs).then((outcome) => process.send?.(outcome));
  });
  process.send?.('ready');
}

if (process.send !== undefined) {
  await serve(JSON.parse(process.argv[2] ?? '') as MasterOptions);
}
