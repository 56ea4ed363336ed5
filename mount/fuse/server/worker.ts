/**
 * The worker thread of the kernel transport. It opens its own tree and serves requests until the
 * mount is gone.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../../../src/errors.ts';
import { BlockCache } from '../../content/blockCache.ts';
import { Filesystem } from '../../vfs/filesystem.ts';
import { loadTree } from '../../vfs/loadTree.ts';
import type { TreeSource } from '../../vfs/tree.ts';
import { SharedBlocksReader } from '../../content/sharedBlocks.ts';
import type { PrefetcherEnds } from '../prefetch/workers.ts';
import { Aside } from './deferredRequests.ts';
import type { DiskRead } from './deferredRequests.ts';
import { serve } from './loop.ts';
import type { RegistryNews } from '../wire/registry.ts';
import { PrefetchPlanner } from '../prefetch/prefetcher.ts';
import type { Prefetcher } from '../prefetch/prefetcher.ts';
import { Session } from './requestHandler.ts';
import { warmUp } from '../prefetch/warmUp.ts';

const WARM_UP_MS = 250;

export interface WorkerOptions {
  readonly fd: number;
  readonly tree: TreeSource;
  readonly cacheBytes: number | undefined;
  readonly generation: number;
  /** The connections to the prefetch threads, one per thread. */
  readonly ahead: readonly PrefetcherEnds[];
  /** The pipe that announces completed disk reads. */
  readonly readsDoneFd: number;
}

export type WorkerMessage =
  | { readonly type: 'open' }
  | { readonly type: 'mounted' }
  | { readonly type: 'news'; readonly news: RegistryNews; readonly atMs: number }
  /** Requests the start of a prefetch thread. Its first work has already been sent to its port. */
  | { readonly type: 'ahead'; readonly lane: number }
  | { readonly type: 'read'; readonly read: DiskRead }
  | { readonly type: 'log'; readonly line: string }
  | { readonly type: 'failed'; readonly message: string };

function post(message: WorkerMessage): void {
  parentPort?.postMessage(message);
}

function laneOf({ port, memory }: PrefetcherEnds, lane: number): Prefetcher {
  let isStarted = false;
  return {
    blocks: new SharedBlocksReader(memory),
    post(stretch) {
      port.postMessage(stretch);
      if (!isStarted) post({ type: 'ahead', lane });
      isStarted = true;
    },
  };
}

async function run({
  fd,
  tree: source,
  cacheBytes,
  generation,
  ahead,
  readsDoneFd,
}: WorkerOptions): Promise<void> {
  const log = (line: string): void => post({ type: 'log', line });
  const tree = await loadTree(source, log);
  const readAhead = new PrefetchPlanner(ahead.map(laneOf));
  const cache = new BlockCache(cacheBytes);
  const aside = new Aside({
    requestsFd: fd,
    doneFd: readsDoneFd,
    post: (read) => post({ type: 'read', read }),
  });
  const filesystem = new Filesystem(tree, cache, {
    elsewhere: readAhead.copyBlock,
    beforeLoad: aside.beforeLoad,
  });
  post({ type: 'open' });
  // Warm up while mount(8) does its work. The kernel has not sent any requests yet. So the warm-up
  // has its own session, which prefetches and defers nothing.
  const rehearsal = new Aside({ requestsFd: fd, doneFd: readsDoneFd, post: () => undefined });
  warmUp(
    new Session(filesystem, generation, () => undefined, new PrefetchPlanner([]), rehearsal),
    WARM_UP_MS,
  );
  try {
    serve(fd, new Session(filesystem, generation, log, readAhead, aside), aside, {
      init: () => post({ type: 'mounted' }),
      news: (news) => post({ type: 'news', news, atMs: Date.now() }),
    });
  } finally {
    filesystem.close();
  }
}

try {
  await run(workerData as WorkerOptions);
} catch (error) {
  post({ type: 'failed', message: messageOf(error) });
}
