/**
 * The kernel transport: a worker thread speaks FUSE directly over /dev/fuse. The calling thread
 * stays free for signals. Never end this process with process.exit while the mount exists: it would
 * wait for the worker, which is blocked in a read.
 */
import { closeSync, openSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { BackupError, asBackupError, messageOf } from '../../../src/errors.ts';
import { watchTree } from '../../vfs/loadTree.ts';
import { findMount, isOurs } from '../../lifecycle/mountTable.ts';
import type { Watcher } from '../../vfs/tree.ts';
import { unmount, abortMount } from '../../lifecycle/unmount.ts';
import type { RunningMount, TransportOptions } from '../../lifecycle/transport.ts';
import { Prefetchers } from '../prefetch/workers.ts';
import { mountDevice, raiseReadAhead } from './device.ts';
import { DiskReader } from './diskReader.ts';
import { makePipe } from '../wire/libc.ts';
import { Notifier } from './notifier.ts';
import type { WorkerMessage, WorkerOptions } from './worker.ts';

const WORKER = new URL(`./worker${extname(import.meta.url)}`, import.meta.url);

/**
 * The default for the number of prefetch threads is at most this. A single program that reads
 * sequentially keeps this many busy.
 */
const MOST_THREADS = 4;

/**
 * A worker's memory limits, in MiB. The objects that a request creates are garbage once it is
 * answered, so the young generation is kept small (Node's default is 48). While tar reads the
 * mount, the process then uses 136 MB instead of 156, and is as fast. The limit for the old
 * generation is enough for some 3,000,000 users known to the kernel, far more than needed. From
 * this limit, V8 also derives how far the heap grows before a garbage collection.
 */
const resourceLimits = { maxYoungGenerationSizeMb: 3, maxOldGenerationSizeMb: 1024 };

export async function startKernelMount(options: TransportOptions): Promise<RunningMount> {
  const { mountpoint } = options;
  const fd = openDevice();
  const notifier = new Notifier(fd, options.log);
  let watcher: Watcher | undefined;
  const ahead = new Prefetchers(fd, options.threads ?? defaultThreads(), resourceLimits, options.log);
  const readsDone = makePipe();
  const diskReader = new DiskReader(readsDone.writeFd);
  const server = startServer(fd, options, ahead, readsDone.readFd, {
    news: ({ news, atMs }) => {
      watcher?.remember(news.remembered, atMs);
      watcher?.forget(news.forgotten);
    },
    read: ({ read }) => diskReader.read(read),
    ahead: ({ lane }) => ahead.start(lane),
  });
  const close = async (): Promise<void> => {
    await watcher?.close();
    await notifier.close();
    await ahead.close();
    diskReader.close();
    for (const each of [readsDone.readFd, readsDone.writeFd, fd]) closeSync(each);
  };
  try {
    await server.open;
    watcher = await watchTree(options.tree, notifier, options.log);
    await mountDevice(fd, options);
    await server.mounted;
  } catch (error) {
    if (isOurs(await findMount(mountpoint))) await abortMount(mountpoint);
    await server.worker.terminate();
    await close();
    throw error;
  }
  await raiseReadAhead(mountpoint);
  return { ended: endOf(server, mountpoint, close), unmount: () => unmount(mountpoint) };
}

function defaultThreads(): number {
  return Math.min(MOST_THREADS, availableParallelism());
}

function openDevice(): number {
  try {
    return openSync('/dev/fuse', 'r+');
  } catch (error) {
    throw asBackupError(error, 'cannot open /dev/fuse');
  }
}

interface Server {
  readonly worker: Worker;
  readonly open: Promise<void>;
  readonly mounted: Promise<void>;
  /** Resolves when the worker has served all requests. Rejects if the worker failed. */
  readonly ended: Promise<void>;
}

/** Tasks that the main thread does for the worker thread. */
interface Errands {
  news(message: Extract<WorkerMessage, { type: 'news' }>): void;
  read(message: Extract<WorkerMessage, { type: 'read' }>): void;
  ahead(message: Extract<WorkerMessage, { type: 'ahead' }>): void;
}

function startServer(
  fd: number,
  { tree, cacheBytes, log }: TransportOptions,
  { ends }: Prefetchers,
  readsDoneFd: number,
  errands: Errands,
): Server {
  const generation = Math.floor(Date.now() / 1000);
  const workerData: WorkerOptions = { fd, tree, cacheBytes, generation, ahead: ends, readsDoneFd };
  const worker = new Worker(WORKER, {
    workerData,
    transferList: ends.map(({ port }) => port),
    resourceLimits,
  });
  const ended = new Promise<void>((resolve, reject) => {
    const fail = (why: string): void => reject(new BackupError('io', `the mount broke down: ${why}`));
    worker.on('error', (error) => fail(messageOf(error)));
    worker.on('message', (message: WorkerMessage) => {
      if (message.type === 'log') log(message.line);
      if (message.type === 'news') errands.news(message);
      if (message.type === 'read') errands.read(message);
      if (message.type === 'ahead') errands.ahead(message);
      if (message.type === 'failed') fail(message.message);
    });
    worker.on('exit', () => resolve());
  });
  const reached = (type: 'open' | 'mounted'): Promise<void> =>
    new Promise((resolve, reject) => {
      worker.on('message', (message: WorkerMessage) => message.type === type && resolve());
      ended.then(() => reject(new BackupError('io', 'the mount ended while it was started')), reject);
    });
  const server = { worker, open: reached('open'), mounted: reached('mounted'), ended };
  // The caller gets the error of whichever promise is awaited first. The other promises may reject,
  // too, and must not count as unhandled.
  for (const promise of [server.open, server.mounted, ended]) promise.catch(() => undefined);
  return server;
}

/**
 * Waits for the end of the server and then cleans up. If the server failed, closing the descriptor
 * aborts the FUSE connection, so that no program keeps waiting for an answer.
 */
async function endOf(server: Server, mountpoint: string, close: () => Promise<void>): Promise<void> {
  try {
    await server.ended;
  } catch (error) {
    if (isOurs(await findMount(mountpoint))) await abortMount(mountpoint);
    throw error;
  } finally {
    await close();
  }
}
