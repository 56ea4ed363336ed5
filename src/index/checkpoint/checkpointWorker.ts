/** The thread that checkpoints indexes (checkpointer.ts). Answers each path with one message. */
import { parentPort } from 'node:worker_threads';
import { SqliteDatabase } from '../store/sqlite.ts';

function checkpoint(path: string): void {
  const db = new SqliteDatabase(path, { fileMustExist: true, timeout: 0 });
  try {
    db.pragma('synchronous = NORMAL');
    db.pragma('wal_checkpoint(PASSIVE)');
  } finally {
    db.close();
  }
}

parentPort?.on('message', (path: string) => {
  try {
    checkpoint(path);
  } catch {
    // The write-ahead log stays as it is, and whoever uses the index next meets the same error.
  }
  parentPort?.postMessage(null);
});
