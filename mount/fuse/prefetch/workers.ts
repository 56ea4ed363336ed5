/**
 * Starts and ends the prefetch threads. The first one is started with the mount. The others are
 * started when there is work for them, because each thread takes some 10 MB. If a prefetch thread
 * fails, the mount continues without it.
 */
import { extname } from 'node:path';
import { MessageChannel, Worker } from 'node:worker_threads';
import type { MessagePort, ResourceLimits } from 'node:worker_threads';
import { messageOf } from '../../../src/errors.ts';
import { sharedMemory } from '../../content/sharedBlocks.ts';
import type { PrefetchOptions } from './worker.ts';

const AHEAD_WORKER = new URL(`./worker${extname(import.meta.url)}`, import.meta.url);

/** The data through which the answering thread communicates with one prefetch thread. */
export interface PrefetcherEnds {
  readonly port: MessagePort;
  readonly memory: SharedArrayBuffer;
}

interface PrefetchThread {
  readonly workerData: PrefetchOptions;
  worker: Worker | undefined;
}

export class Prefetchers {
  /**
   * The answering thread's ends of the connections, one per prefetch thread. Their ports must be
   * transferred to that thread.
   */
  readonly ends: readonly PrefetcherEnds[];
  readonly #threads: readonly PrefetchThread[];
  readonly #resourceLimits: ResourceLimits;
  readonly #log: (line: string) => void;
  #isClosed = false;

  constructor(fd: number, count: number, resourceLimits: ResourceLimits, log: (line: string) => void) {
    this.#resourceLimits = resourceLimits;
    this.#log = log;
    const made = Array.from({ length: count }, () => {
      const { port1, port2 } = new MessageChannel();
      const memory = sharedMemory();
      const thread: PrefetchThread = { workerData: { fd, memory, port: port2 }, worker: undefined };
      return { ends: { port: port1, memory }, thread };
    });
    this.ends = made.map(({ ends }) => ends);
    this.#threads = made.map(({ thread }) => thread);
    this.start(0);
  }

  /**
   * Starts a prefetch thread. It then receives the messages that were sent to its port before the
   * start.
   */
  start(lane: number): void {
    const thread = this.#threads[lane];
    if (thread === undefined || thread.worker !== undefined || this.#isClosed) return;
    const { workerData } = thread;
    const resourceLimits = this.#resourceLimits;
    thread.worker = new Worker(AHEAD_WORKER, { workerData, transferList: [workerData.port], resourceLimits });
    thread.worker.on('error', (error) => this.#log(`mount: reading ahead has ended: ${messageOf(error)}`));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const { worker, workerData } of this.#threads) {
      if (worker === undefined) workerData.port.close();
      else await worker.terminate();
    }
  }
}
