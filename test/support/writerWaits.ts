/**
 * Splits the time for which a client waits for a server in two: CPU time and the rest, which is
 * disk and locks. CPU time is that of the server's threads and of this one, on a CPU or queued for
 * one. The source is /proc/PID/task/TID/schedstat (proc(5)): nanoseconds on a CPU, and runnable
 * without one.
 */
import { readFileSync, readdirSync } from 'node:fs';

function cpuMs(pid: number, threads: readonly string[]): number {
  let sumMs = 0;
  for (const thread of threads) {
    try {
      const text = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1');
      const [ran = 0, waited = 0] = text.split(' ').map(Number);
      sumMs += (ran + waited) / 1e6;
    } catch {
      // The thread has ended.
    }
  }
  return sumMs;
}

export interface Wait {
  readonly what: string;
  readonly elapsedMs: number;
  /** The part of it in which no thread wanted a CPU. */
  readonly idleMs: number;
  /** The kernel functions in which the server's threads slept after LONG_MS. */
  readonly asleep: string;
}

const LONG_MS = 60;
/** Kernel functions in which a thread waits for work: an event loop, a pool. */
const WAITS_FOR_WORK = /^(0|ep_poll|do_epoll_wait|futex_.*)$/;

/**
 * Reads where the threads sleep (proc(5), wchan). fsync sleeps in jbd2_log_wait_commit or
 * folio_wait_*, SQLite's wait for a lock in hrtimer_nanosleep.
 */
function asleepIn(pid: number, threads: readonly string[]): string {
  const places = threads.map((thread) => {
    try {
      return readFileSync(`/proc/${pid}/task/${thread}/wchan`, 'latin1');
    } catch {
      return '0';
    }
  });
  return places.filter((place) => !WAITS_FOR_WORK.test(place)).join('+') || 'nowhere';
}

export class WriterWaits {
  readonly #pid: number;
  readonly waits: Wait[] = [];

  constructor(pid: number) {
    this.#pid = pid;
  }

  async during(what: string, work: () => Promise<void>): Promise<void> {
    const threads = readdirSync(`/proc/${this.#pid}/task`);
    const spentMs = (): number => cpuMs(this.#pid, threads) + cpuMs(process.pid, [String(process.pid)]);
    const [beforeMs, startMs] = [spentMs(), performance.now()];
    let asleep = '';
    const timer = setTimeout(() => (asleep = asleepIn(this.#pid, threads)), LONG_MS);
    await work();
    clearTimeout(timer);
    const elapsedMs = performance.now() - startMs;
    this.waits.push({ what, elapsedMs, idleMs: Math.max(0, elapsedMs - (spentMs() - beforeMs)), asleep });
  }

  /**
   * Summarizes in a line: the number of commands, the slowest one, how many exceeded a bound, how
   * many of these did not lack a CPU, and the longest waits of that kind.
   */
  summary(boundMs: number): string {
    const slow = this.waits.filter(({ elapsedMs }) => elapsedMs > boundMs);
    const idle = slow.filter(({ idleMs }) => idleMs > boundMs);
    const most = (of: (wait: Wait) => number): string =>
      this.waits.reduce((longest, wait) => Math.max(longest, of(wait)), 0).toFixed(0);
    const worst = this.waits
      .filter(({ idleMs }) => idleMs > boundMs / 2)
      .toSorted((a, b) => b.idleMs - a.idleMs)
      .slice(0, 5);
    const named = worst.map(
      ({ what, elapsedMs, idleMs, asleep }) =>
        `${what} ${elapsedMs.toFixed(0)}/${idleMs.toFixed(0)} in ${asleep}`,
    );
    return (
      `${this.waits.length} commands, slowest ${most((wait) => wait.elapsedMs)} ms, ` +
      `most without want of a CPU ${most((wait) => wait.idleMs)} ms; over ${boundMs} ms: ${slow.length}, ` +
      `of these not for want of a CPU: ${idle.length}; ${named.join(', ')}`
    );
  }
}
