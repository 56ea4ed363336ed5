/**
 * Loaded into a server's process (NODE_OPTIONS) to find the longest stretch that its main thread computes without a look at its
 * sockets. In processor time, which does not depend on what else the machine does. Written to the file that CYRUS_BACKUPS_TURNS names
 * whenever there is a longer one; who takes the file away begins anew.
 */
import { closeSync, existsSync, openSync, readSync, writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const path = process.env['CYRUS_BACKUPS_TURNS'];
const LOOK_EVERY_MS = 2;

/** Of the main thread, from the kernel: nanoseconds on a processor. */
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
