/**
 * Measures the longest turn of a server's main thread: how long it computes without polling its
 * sockets. It is loaded into the server's process with NODE_OPTIONS. Turns are measured in
 * processor time, which does not depend on what else the machine does.
 *
 * Each new maximum is written to the file that CYRUS_BACKUPS_TURNS names. Deleting that file
 * restarts the measurement.
 */
import { closeSync, existsSync, openSync, readSync, writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const path = process.env['CYRUS_BACKUPS_TURNS'];
const LOOK_EVERY_MS = 2;

/** Processor time of the main thread, which the kernel counts in nanoseconds. */
function usedMs(fd: number, buffer: Buffer): number {
  const length = readSync(fd, buffer, 0, buffer.length, 0);
  return Number(/^\d+/.exec(buffer.toString('latin1', 0, length))?.[0]) / 1e6;
}

if (path !== undefined && isMainThread && process.argv[1]?.endsWith('/backupd') === true) {
  const fd = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
  process.once('exit', () => closeSync(fd));
  const buffer = Buffer.alloc(100);
  let before = usedMs(fd, buffer);
  let longest = 0;
  setInterval(() => {
    const now = usedMs(fd, buffer);
    const turn = now - before;
    before = now;
    if (!existsSync(path)) longest = 0;
    else if (turn <= longest) return;
    longest = Math.max(longest, turn);
    writeFileSync(path, longest.toFixed(1));
    before = usedMs(fd, buffer);
  }, LOOK_EVERY_MS).unref();
}
