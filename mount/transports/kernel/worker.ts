/** The worker thread of the kernel transport: opens its own tree, and serves until the mount is gone. */
import { parentPort, workerData } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import { messageOf } from '../../../src/errors.ts';
import { BlockCache } from '../../content/blockCache.ts';
import { Filesystem } from '../../filesystem.ts';
import { loadTree } from '../../loadTree.ts';
import type { TreeSource } from '../../tree.ts';
import { SharedBlocksReader } from '../../content/sharedBlocks.ts';
import { Aside } from './aside.ts';
import type { DiskRead } from './aside.ts';
import { serve } from './loop.ts';
import type { RegistryNews } from './registry.ts';
import { ReadAhead } from './readAhead.ts';
import { Session } from './session.ts';
import { warmUp } from './warmUp.ts';

const WARM_UP_MS = 40;

export interface WorkerOptions {
  readonly fd: number;
  readonly tree: TreeSource;
  readonly cacheBytes: number;
  readonly generation: number;
  /** Of the thread that reads ahead, and what it shares. */
  readonly ahead: MessagePort;
  readonly memory: SharedArrayBuffer;
  /** Where it is told of reads from disk that are done. */
  readonly readsDoneFd: number;
}

export type WorkerMessage =
  | { readonly type: 'open' }
  | { readonly type: 'mounted' }
  | { readonly type: 'news'; readonly news: RegistryNews; readonly atMs: number }
  | { readonly type: 'read'; readonly read: DiskRead }
  | { readonly type: 'log'; readonly line: string }
  | { readonly type: 'failed'; readonly message: string };

function post(message: WorkerMessage): void {
  // eslint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port, not a window
  parentPort?.postMessage(message);
}

async function run({
  fd,
  tree: source,
  cacheBytes,
  generation,
  ahead,
  memory,
  readsDoneFd,
}: WorkerOptions): Promise<void> {
  const tree = await loadTree(source);
  const log = (line: string): void => post({ type: 'log', line });
  const readAhead = new ReadAhead(new SharedBlocksReader(memory), (stretch) => {
    // eslint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port, not a window
    ahead.postMessage(stretch);
  });
  const cache = new BlockCache(cacheBytes, (key, room) => readAhead.block(key, room));
  const aside = new Aside({
    requestsFd: fd,
    doneFd: readsDoneFd,
    post: (read) => post({ type: 'read', read }),
  });
  const filesystem = new Filesystem(tree, cache, aside.beforeLoad);
  post({ type: 'open' });
  // Meanwhile mount(8) does its work.
  warmUp(filesystem, WARM_UP_MS);
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
