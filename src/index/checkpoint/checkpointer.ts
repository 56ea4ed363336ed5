/**
 * Checkpoints: copies the write-ahead log of an index into the index, in a thread of its own. A
 * checkpoint waits for the disk twice. SQLite makes one within a commit and when a database is
 * closed, and a server would serve nobody meanwhile.
 *
 * The caller has the index open and lets nobody replace the file before the promise resolves.
 * Otherwise closing the thread's connection could remove the write-ahead log of the new file.
 */
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { IndexFile } from '../store/indexFile.ts';

const WORKER = new URL(`./checkpointWorker${extname(import.meta.url)}`, import.meta.url);

let worker: Worker | null = null;
/** Callers that wait, in the order in which the thread serves them. */
const waiting: (() => void)[] = [];

/** Call once for an index that is checkpointed here. Otherwise SQLite does that in commits. */
export function leaveCheckpoints(index: IndexFile): void {
  index.exec('PRAGMA wal_autocheckpoint = 0');
}

/**
 * Resolves after the checkpoint. Never rejects: if the checkpoint fails, or a reader needs an older
 * state, the log stays longer, and a later checkpoint copies all of it.
 */
export function checkpointElsewhere(indexPath: string): Promise<void> {
  return new Promise((done) => {
    worker ??= start();
    worker.ref();
    waiting.push(done);
    worker.postMessage(indexPath);
  });
}

function start(): Worker {
  const started = new Worker(WORKER, { stdin: false, resourceLimits: { maxOldGenerationSizeMb: 16 } });
  started.on('message', () => {
    waiting.shift()?.();
    if (waiting.length === 0) started.unref();
  });
  const end = (): void => {
    if (worker !== started) return;
    worker = null;
    for (const done of waiting.splice(0)) done();
  };
  started.on('error', end);
  started.on('exit', end);
  return started;
}
