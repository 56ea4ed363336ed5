/**
 * A pool of processes that work on backups in parallel. They are processes and not threads, because
 * a process owns its locks on data files: a thread that closes a file would drop another thread's
 * lock on it (src/fs/posixLock.ts).
 *
 * Small backups spend much of their time waiting for the disk. So each process works on several of
 * them at once, and their syncs are combined.
 *
 * The output of each backup is kept until all backups before it have printed theirs. The number of
 * waiting backups is limited, so memory does not grow with the number of backups.
 */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { messageOf } from '../../../errors.ts';
import { SOFTWARE_FAILED } from '../../common/exitCodes.ts';
import { ownIds } from '../../../fs/actAsOwner.ts';
import type { FoundTarget } from '../../common/select.ts';
import type { WorkCommand } from './arguments.ts';
import { printEnding } from '../command.ts';
import type { CtlIo, CtlOptions, Outcome } from '../command.ts';

/** `add` waits while this many backups per process are not finished and printed. */
const AHEAD = 64;
/** A process works on one backup larger than this size, or on this many smaller backups at once. */
const SMALL_BYTES = 1 << 20;
const SMALL_AT_ONCE = 4;

/**
 * Messages to a worker. The first one names the command; each later message names a backup, with a
 * task number that the replies repeat.
 */
export type ToWorker =
  | {
      readonly kind: 'setUp';
      readonly command: WorkCommand;
      readonly options: CtlOptions;
      /** The worker acts as the owner of these files and folders (src/fs/actAsOwner.ts). */
      readonly store: readonly string[];
      readonly tellsProgress: boolean;
    }
  | { readonly kind: 'work'; readonly id: number; readonly target: FoundTarget };

/** Output of a command, sent by a worker. */
export interface Said {
  readonly stream: 'stdout' | 'stderr';
  readonly text: string | Uint8Array;
}

export type FromWorker =
  | { readonly kind: 'said'; readonly id: number; readonly said: readonly Said[] }
  | {
      readonly kind: 'progress';
      readonly id: number;
      readonly doneBytes: number;
      readonly totalBytes: number;
    }
  | { readonly kind: 'done'; readonly id: number; readonly said: readonly Said[]; readonly outcome: Outcome }
  | { readonly kind: 'broken'; readonly message: string };

/** A backup to work on. */
export interface Job {
  readonly target: FoundTarget;
  /** Size of its data file. */
  readonly sizeBytes: number;
  readonly io: CtlIo;
  readonly onDone: (outcome: Outcome) => void;
}

interface Task extends Job {
  readonly said: Said[];
  outcome: Outcome | null;
}

interface Worker {
  readonly process: ChildProcess;
  /** The worker's unfinished tasks, by task number. */
  readonly tasks: Map<number, Task>;
}

export class WorkerPool {
  readonly #command: WorkCommand;
  readonly #jobs: number;
  readonly #options: CtlOptions;
  readonly #store: readonly string[];
  readonly #workers: Worker[] = [];
  /** All tasks, in the order of output. Only the first task may print. */
  readonly #tasks: Task[] = [];
  /**
   * The data files being worked on. If a file is named twice, the second task waits for the first.
   */
  readonly #paths = new Set<string>();
  #lastId = 0;
  /** Wakes the caller that waits for a change. */
  #wake: () => void = () => undefined;
  #failure: Error | null = null;

  constructor(command: WorkCommand, jobs: number, options: CtlOptions, store: readonly string[]) {
    this.#command = command;
    this.#jobs = jobs;
    this.#options = options;
    this.#store = store;
  }

  /** Resolves when the work has begun. */
  async add(job: Job): Promise<void> {
    const { target, io } = job;
    while (this.#tasks.length >= this.#jobs * AHEAD || this.#paths.has(target.path)) await this.#change();
    const worker = await this.#freeWorker(job.sizeBytes, io.onProgress !== undefined);
    const task: Task = { ...job, said: [], outcome: null };
    this.#lastId += 1;
    this.#tasks.push(task);
    this.#paths.add(target.path);
    worker.tasks.set(this.#lastId, task);
    tell(worker, { kind: 'work', id: this.#lastId, target });
  }

  /** Resolves when all work is done and all output is printed. */
  async finish(): Promise<void> {
    while (this.#tasks.length > 0) await this.#change();
  }

  /**
   * Disconnects the workers: called when all work is done, or when its results no longer matter.
   */
  stop(): void {
    for (const { process } of this.#workers) {
      process.removeAllListeners();
      process.disconnect();
    }
    this.#workers.length = 0;
  }

  async #change(): Promise<void> {
    if (this.#failure === null) await new Promise<void>((resolve) => (this.#wake = resolve));
    if (this.#failure !== null) throw this.#failure;
  }

  /**
   * Returns the worker with the fewest tasks. Starts a new worker if all are busy and the limit is
   * not reached.
   */
  async #freeWorker(sizeBytes: number, tellsProgress: boolean): Promise<Worker> {
    for (;;) {
      let free: Worker | undefined;
      for (const worker of this.#workers) {
        if (hasRoom(worker, sizeBytes) && worker.tasks.size < (free?.tasks.size ?? Infinity)) free = worker;
      }
      if (this.#workers.length < this.#jobs && free?.tasks.size !== 0) return this.#start(tellsProgress);
      if (free !== undefined) return free;
      await this.#change();
    }
  }

  #start(tellsProgress: boolean): Worker {
    const program = new URL('./worker.js', import.meta.url);
    const process = fork(program, { serialization: 'advanced', ...ownIds() });
    const worker: Worker = { process, tasks: new Map() };
    this.#workers.push(worker);
    process.on('message', (message: FromWorker) => this.#hear(worker, message));
    process.on('exit', (code, signal) => {
      this.#lose(worker, `the process at work on it ended by itself (${signal ?? code})`);
    });
    process.on('error', (error) => this.#lose(worker, `the process at work on it: ${messageOf(error)}`));
    const [command, options, store] = [this.#command, this.#options, this.#store];
    tell(worker, { kind: 'setUp', command, options, store, tellsProgress });
    return worker;
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#wake();
  }

  /**
   * Handles a worker that ended by itself, perhaps killed by the system for lack of memory. The
   * backups that it was working on fail.
   */
  #lose(worker: Worker, reason: string): void {
    const at = this.#workers.indexOf(worker);
    if (at !== -1) this.#workers.splice(at, 1);
    for (const [id, task] of worker.tasks) {
      const write = (stream: Said['stream']) => (text: Said['text']) => void task.said.push({ stream, text });
      const io = { stdout: { write: write('stdout') }, stderr: { write: write('stderr') } };
      task.outcome = printEnding(this.#command, task.target, this.#options, io, {
        status: 'failed',
        exitCode: SOFTWARE_FAILED,
        reason,
      });
      worker.tasks.delete(id);
      this.#paths.delete(task.target.path);
    }
    this.#settle();
    this.#wake();
  }

  #hear(worker: Worker, message: FromWorker): void {
    if (message.kind === 'broken') {
      this.#fail(new Error(message.message));
      return;
    }
    const task = worker.tasks.get(message.id);
    if (task === undefined) throw new Error(`a process said something of no backup of its own`);
    if (message.kind === 'progress') {
      task.io.onProgress?.(message.doneBytes, message.totalBytes);
      return;
    }
    task.said.push(...message.said);
    if (message.kind === 'done') {
      task.outcome = message.outcome;
      worker.tasks.delete(message.id);
      this.#paths.delete(task.target.path);
    }
    this.#settle();
    this.#wake();
  }

  /** Removes finished tasks from the front; the next task may then print. */
  #settle(): void {
    for (let task = this.#tasks[0]; task !== undefined; task = this.#tasks[0]) {
      for (const { stream, text } of task.said.splice(0)) task.io[stream].write(text);
      if (task.outcome === null) return;
      task.onDone(task.outcome);
      this.#tasks.shift();
    }
  }
}

function tell(worker: Worker, message: ToWorker): void {
  worker.process.send(message);
}

function hasRoom({ tasks }: Worker, sizeBytes: number): boolean {
  if (tasks.size === 0) return true;
  if (tasks.size >= SMALL_AT_ONCE || sizeBytes > SMALL_BYTES) return false;
  return Array.from(tasks.values()).every((task) => task.sizeBytes <= SMALL_BYTES);
}
