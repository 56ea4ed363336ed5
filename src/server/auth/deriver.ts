/**
 * Derives keys from passwords one after another, in a separate thread. Hosts take turns, so a host
 * that guesses passwords delays only its own logins. The limit on connections also limits the
 * queue.
 */
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Derive } from '../../config/scramCredential.ts';
import { BackupError } from '../../errors.ts';

export interface Derivation {
  readonly password: string;
  readonly salt: Uint8Array;
  readonly iterations: number;
  readonly keyBytes: number;
  readonly hash: string;
}

interface Job {
  readonly derivation: Derivation;
  readonly done: (key: Buffer) => void;
  readonly failed: (error: Error) => void;
}

const WORKER = new URL(`./deriveWorker${extname(import.meta.url)}`, import.meta.url);

export class Deriver {
  /** Waiting jobs, by host. A turn is one job of one host. */
  readonly #waiting = new Map<string, Job[]>();
  #worker: Worker | null = null;
  #current: Job | null = null;

  /**
   * Returns a function that derives keys for this host. It rejects with 'io' if the thread fails.
   */
  deriveFor(host: string): Derive {
    return (password, salt, iterations, keyBytes, hash) =>
      new Promise((done, failed) => {
        const job: Job = { derivation: { password, salt, iterations, keyBytes, hash }, done, failed };
        const jobs = this.#waiting.get(host);
        if (jobs === undefined) this.#waiting.set(host, [job]);
        else jobs.push(job);
        this.#next();
      });
  }

  #next(): void {
    if (this.#current !== null) return;
    const [turn] = this.#waiting;
    if (turn === undefined) {
      this.#worker?.unref();
      return;
    }
    const [host, jobs] = turn;
    this.#current = jobs.shift() ?? null;
    this.#waiting.delete(host);
    if (jobs.length > 0) this.#waiting.set(host, jobs);
    this.#worker ??= this.#start();
    this.#worker.ref();
    this.#worker.postMessage(this.#current?.derivation);
  }

  #start(): Worker {
    const worker = new Worker(WORKER, { stdin: false, resourceLimits: { maxOldGenerationSizeMb: 16 } });
    worker.on('message', (key: Uint8Array) => this.#end((job) => job.done(Buffer.from(key))));
    const fail = (cause: unknown): void => {
      if (this.#worker !== worker) return;
      this.#worker = null;
      this.#end((job) =>
        job.failed(new BackupError('io', 'passwords cannot be checked: its thread ended', { cause })),
      );
    };
    worker.on('error', fail);
    worker.on('exit', fail);
    return worker;
  }

  #end(settle: (job: Job) => void): void {
    const job = this.#current;
    this.#current = null;
    if (job !== null) settle(job);
    this.#next();
  }
}
