/**
 * Processes that work on backups at the same time. Processes and not threads, because the locks on data files are a process's:
 * a thread that closes a file would drop another's lock on it (src/catalog/posixLock.ts).
 *
 * What each backup has to say is kept until those before it have said theirs. Only so many wait: memory does not grow with the
 * number of backups.
 */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { BackupError } from '../errors.ts';
import type { FoundTarget } from './commonSelect.ts';
import type { WorkCommand } from './ctlBackupsArguments.ts';
import type { CtlIo, CtlOptions, Outcome } from './ctlBackupsCommand.ts';

/** Begun behind one that is still at work, for each process. */
const AHEAD = 64;

/** To a worker: the first message says what to do, each other is a backup. */
export type ToWorker =
  | {
      readonly kind: 'setUp';
      readonly command: WorkCommand;
      readonly options: CtlOptions;
      readonly tellsProgress: boolean;
    }
  | { readonly kind: 'work'; readonly target: FoundTarget };

export type FromWorker =
  | { readonly kind: 'text'; readonly stream: 'stdout' | 'stderr'; readonly text: string | Uint8Array }
  | { readonly kind: 'progress'; readonly doneBytes: number; readonly totalBytes: number }
  | { readonly kind: 'done'; readonly outcome: Outcome }
  | { readonly kind: 'broken'; readonly message: string };

interface Task {
  readonly target: FoundTarget;
  readonly io: CtlIo;
  readonly onDone: (outcome: Outcome) => void;
  readonly said: Extract<FromWorker, { kind: 'text' }>[];
  outcome: Outcome | null;
}

export class WorkerPool {
  readonly #command: WorkCommand;
  readonly #jobs: number;
  readonly #options: CtlOptions;
  readonly #idle: ChildProcess[] = [];
  readonly #workers = new Set<ChildProcess>();
  /** In order; the first is the one that may speak. */
  readonly #tasks: Task[] = [];
  /** Called when something has changed for whoever waits. */
  #wake: () => void = () => undefined;
  #failure: Error | null = null;

  constructor(command: WorkCommand, jobs: number, options: CtlOptions) {
    this.#command = command;
    this.#jobs = jobs;
    this.#options = options;
  }

  /** Resolves when the work has begun. */
  async add(target: FoundTarget, io: CtlIo, onDone: (outcome: Outcome) => void): Promise<void> {
    while (this.#tasks.length >= this.#jobs * AHEAD) await this.#change();
    const worker = await this.#freeWorker(io.onProgress !== undefined);
    const task: Task = { target, io, onDone, said: [], outcome: null };
    this.#tasks.push(task);
    const listen = (message: FromWorker): void => this.#hear(task, message, worker, listen);
    worker.on('message', listen);
    this.#tell(worker, { kind: 'work', target });
  }

  /** Resolves when all is done and said. */
  async finish(): Promise<void> {
    while (this.#tasks.length > 0) await this.#change();
  }

  /** Nothing is at work any more, or nothing of it counts. */
  stop(): void {
    for (const worker of this.#workers) {
      worker.removeAllListeners();
      worker.disconnect();
    }
    this.#workers.clear();
  }

  async #change(): Promise<void> {
    if (this.#failure === null) await new Promise<void>((resolve) => (this.#wake = resolve));
    if (this.#failure !== null) throw this.#failure;
  }

  async #freeWorker(tellsProgress: boolean): Promise<ChildProcess> {
    for (;;) {
      const worker = this.#idle.pop();
      if (worker !== undefined) return worker;
      if (this.#workers.size < this.#jobs) return this.#start(tellsProgress);
      await this.#change();
    }
  }

  #start(tellsProgress: boolean): ChildProcess {
    const worker = fork(new URL('./ctlBackupsWorker.js', import.meta.url), { serialization: 'advanced' });
    this.#workers.add(worker);
    worker.on('exit', (code, signal) => {
      this.#fail(new BackupError('io', `a process at work ended by itself (${signal ?? code})`));
    });
    worker.on('error', (error) => this.#fail(error));
    this.#tell(worker, { kind: 'setUp', command: this.#command, options: this.#options, tellsProgress });
    return worker;
  }

  #tell(worker: ChildProcess, message: ToWorker): void {
    worker.send(message);
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#wake();
  }

  #hear(task: Task, message: FromWorker, worker: ChildProcess, listen: (message: FromWorker) => void): void {
    if (message.kind === 'progress') task.io.onProgress?.(message.doneBytes, message.totalBytes);
    else if (message.kind === 'broken') this.#fail(new Error(message.message));
    else if (message.kind === 'text') {
      if (task === this.#tasks[0]) task.io[message.stream].write(message.text);
      else task.said.push(message);
    } else {
      worker.off('message', listen);
      task.outcome = message.outcome;
      this.#idle.push(worker);
      this.#settle();
      this.#wake();
    }
  }

  /** Those at the front that are done go; the one behind them may speak now. */
  #settle(): void {
    for (let task = this.#tasks[0]; task !== undefined; task = this.#tasks[0]) {
      for (const { stream, text } of task.said.splice(0)) task.io[stream].write(text);
      if (task.outcome === null) return;
      task.onDone(task.outcome);
      this.#tasks.shift();
    }
  }
}
