/**
 * The loop that serves a /dev/fuse descriptor in a worker thread. Each turn reads a request, makes
 * the answer and writes it, with blocking calls. They are twice as fast here as asynchronous calls,
 * which need a round trip to a thread pool.
 */
import { readSync, writeSync } from 'node:fs';
import type { Aside } from './deferredRequests.ts';
import { readableOf, setNonBlocking } from '../wire/libc.ts';
import { MAX_READ_BYTES, OPCODE, OUT_HEADER_BYTES, REQUEST_BYTES } from '../wire/protocol.ts';
import type { RegistryNews } from '../wire/registry.ts';
import type { Session } from './requestHandler.ts';

/**
 * Until mount(8) has finished, reading the device fails with EPERM. The read is retried after this
 * time.
 */
const UNMOUNTED_RETRY_MS = 2;

const pause = new Int32Array(new SharedArrayBuffer(4));

export interface ServeEvents {
  /** Called when the answer to INIT has been sent to the kernel. */
  init(): void;
  /** Called when an answer has been sent that changes which folders the kernel knows. */
  news(news: RegistryNews): void;
}

/** Serves requests until the mount is gone. */
export function serve(fd: number, session: Session, aside: Aside, events: ServeEvents): void {
  const request = Buffer.alloc(REQUEST_BYTES);
  const reply = Buffer.alloc(OUT_HEADER_BYTES + MAX_READ_BYTES);
  const requests = new Requests(fd, aside);
  for (;;) {
    const requestBytes = requests.next(request);
    if (requestBytes === undefined) return;
    const replyBytes = session.answer(request, requestBytes, reply);
    if (replyBytes > 0) send(fd, reply, replyBytes);
    session.afterReply();
    if (request.readUInt32LE(4) === OPCODE.INIT) events.init();
    const news = session.registry.takeNews();
    if (news !== undefined) events.news(news);
  }
}

/**
 * Delivers the requests to answer: new ones from the kernel, and deferred ones whose data is ready.
 */
class Requests {
  readonly #fd: number;
  readonly #aside: Aside;
  #isMounted = false;
  #isNonBlocking = false;

  constructor(fd: number, aside: Aside) {
    this.#fd = fd;
    this.#aside = aside;
  }

  /** Returns the length of the next request; undefined once there are no more. */
  next(request: Buffer): number | undefined {
    for (;;) {
      const bytes = this.#aside.take(request) ?? this.#readNew(request);
      if (bytes !== 'none') this.#isMounted = true;
      if (bytes === 'gone') return undefined;
      if (bytes !== 'none') return bytes;
    }
  }

  /**
   * Reads a new request from the kernel. More than one system call is needed only while deferred
   * requests exist.
   */
  #readNew(request: Buffer): number | 'gone' | 'none' {
    const mustWait = this.#aside.isEmpty;
    if (this.#isNonBlocking === mustWait) setNonBlocking(this.#fd, (this.#isNonBlocking = !mustWait));
    if (!mustWait) {
      const [hasNew, isDone] = readableOf([this.#fd, this.#aside.fd]);
      if (isDone === true) this.#aside.learn();
      if (isDone === true || hasNew !== true) return 'none';
    }
    this.#aside.begin();
    try {
      return readSync(this.#fd, request);
    } catch (error) {
      const code = codeOf(error);
      if (code === 'ENODEV' || code === 'ECONNABORTED') return 'gone';
      if (code === 'EPERM' && !this.#isMounted) Atomics.wait(pause, 0, 0, UNMOUNTED_RETRY_MS);
      // ENOENT: the request was cancelled before it was read. EINTR: a signal. EAGAIN: the request
      // was cancelled between poll and read.
      else if (code !== 'ENOENT' && code !== 'EINTR' && code !== 'EAGAIN') throw error;
      return 'none';
    }
  }
}

/**
 * Sends an answer to the kernel. Ignores ENOENT, which means that the request was cancelled.
 * Ignores ENODEV, because the next read will report that the mount is gone.
 */
function send(fd: number, reply: Buffer, replyBytes: number): void {
  try {
    writeSync(fd, reply, 0, replyBytes);
  } catch (error) {
    const code = codeOf(error);
    if (code !== 'ENOENT' && code !== 'ENODEV' && code !== 'ECONNABORTED') throw error;
  }
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown }).code;
}
