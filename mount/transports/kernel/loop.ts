/**
 * The blocking loop over a /dev/fuse descriptor, for a worker thread: one read, one answer, one write.
 * Blocking calls are two times as fast here as asynchronous ones, which cross to a thread pool and back.
 */
import { readSync, writeSync } from 'node:fs';
import { MAX_READ_BYTES, OPCODE, OUT_HEADER_BYTES, REQUEST_BYTES } from './protocol.ts';
import type { RegistryNews } from './registry.ts';
import type { Session } from './session.ts';

/** While mount(8) has not yet done its work, the device refuses with EPERM. */
const UNMOUNTED_RETRY_MS = 2;

const pause = new Int32Array(new SharedArrayBuffer(4));

export interface ServeEvents {
  /** The kernel has our answer to INIT. */
  init(): void;
  /** An answer was given that changes what the kernel knows. */
  news(news: RegistryNews): void;
}

/** Returns when the mount is gone. */
export function serve(fd: number, session: Session, events: ServeEvents): void {
  const request = Buffer.alloc(REQUEST_BYTES);
  const reply = Buffer.alloc(OUT_HEADER_BYTES + MAX_READ_BYTES);
  let isMounted = false;
  for (;;) {
    const requestBytes = nextRequest(fd, request, isMounted);
    if (requestBytes === undefined) return;
    isMounted = true;
    const replyBytes = session.answer(request, requestBytes, reply);
    if (replyBytes > 0) send(fd, reply, replyBytes);
    session.afterReply();
    if (request.readUInt32LE(4) === OPCODE.INIT) events.init();
    const news = session.registry.takeNews();
    if (news !== undefined) events.news(news);
  }
}

/** Undefined when there is nothing more to come. */
function nextRequest(fd: number, request: Buffer, isMounted: boolean): number | undefined {
  for (;;) {
    try {
      return readSync(fd, request);
    } catch (error) {
      const code = codeOf(error);
      if (code === 'ENODEV' || code === 'ECONNABORTED') return undefined;
      if (code === 'EPERM' && !isMounted) Atomics.wait(pause, 0, 0, UNMOUNTED_RETRY_MS);
      // ENOENT: the request was taken back before we had it. The others: a signal.
      else if (code !== 'ENOENT' && code !== 'EINTR' && code !== 'EAGAIN') throw error;
    }
  }
}

/** ENOENT: who asked is gone; ENODEV: the mount is, which the next read will tell. */
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
