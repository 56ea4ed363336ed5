/**
 * Limits the memory that all sessions together use for incoming commands and unclaimed uploads
 * (backup_memory). Many sessions may send large commands at once, each within its own limits.
 *
 * If there is no room, a command waits for other commands to end. Waiting commands are served in
 * the order in which they first waited. If all of them wait for each other, the last one is refused
 * with "try again later". A command that waits too long is refused in the same way. While commands
 * wait, the server ends a session that holds much memory and whose peer is silent.
 */
import { BackupError } from '../../errors.ts';

export interface MemoryOptions {
  readonly totalBytes: number;
  /** The longest total time that a command may wait for room. */
  readonly waitMs: number;
  /** A session without progress for this long is ended if other sessions wait for memory. */
  readonly silentMs: number;
}

/**
 * Memory below this size is not counted, so a command of ordinary size never waits. A thousand
 * sessions take up to a thousand times this.
 */
export const UNCOUNTED_BYTES = 64 * 1024;
/** The part of all memory that uploads may take. Further uploads are kept in a file. */
const STAGING_PART = 1 / 4;

interface Waiter {
  readonly share: Share;
  readonly bytes: number;
  readonly done: (error?: BackupError) => void;
}

export class Memory {
  #options: MemoryOptions;
  #usedBytes = 0;
  readonly #shares = new Set<Share>();
  #waiters: Waiter[] = [];

  constructor(options: MemoryOptions) {
    this.#options = options;
  }

  reconfigure(options: MemoryOptions): void {
    this.#options = options;
    this.#grant();
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  get totalBytes(): number {
    return this.#options.totalBytes;
  }

  /**
   * Creates a session's share. `end` is called if other sessions need the memory and this session's
   * peer is silent.
   */
  share(end: () => void): Share {
    const share = new Share(this, end);
    this.#shares.add(share);
    return share;
  }

  forget(share: Share): void {
    this.#shares.delete(share);
  }

  take(bytes: number): boolean {
    if (this.#usedBytes + bytes > this.#options.totalBytes) return false;
    this.#usedBytes += bytes;
    return true;
  }

  /** As take(), for uploads, which can be stored elsewhere if this returns false. */
  takeForStaging(bytes: number): boolean {
    return this.#usedBytes + bytes <= this.#options.totalBytes * STAGING_PART && this.take(bytes);
  }

  give(bytes: number): void {
    this.#usedBytes -= bytes;
    if (bytes > 0) this.#grant();
  }

  /** Waits until the share has grown. Throws 'locked' if that takes too long or is impossible. */
  wait(share: Share, bytes: number): Promise<void> {
    const { waitMs, silentMs } = this.#options;
    return new Promise((resolve, reject) => {
      const look = setInterval(() => this.#endSilent(), silentMs);
      const late = setTimeout(
        () => waiter.done(usedUp()),
        Math.max(0, share.waitingSince + waitMs - performance.now()),
      );
      const waiter: Waiter = {
        share,
        bytes,
        done: (error) => {
          clearInterval(look);
          clearTimeout(late);
          this.#waiters = this.#waiters.filter((other) => other !== waiter);
          if (error === undefined) resolve();
          else reject(error);
        },
      };
      this.#waiters.push(waiter);
      this.#waiters.sort((a, b) => a.share.waitingSince - b.share.waitingSince);
      this.#endSilent();
      this.#breakCircle();
    });
  }

  #grant(): void {
    for (const { share, bytes, done } of this.#waiters) {
      // Stop here, even if smaller requests that follow would fit. Otherwise they could delay this
      // request forever.
      if (!share.grow(bytes)) return;
      done();
    }
  }

  /** If all sessions that hold memory wait for more, refuses the one that began to wait last. */
  #breakCircle(): void {
    const waiting = new Set(this.#waiters.map(({ share }) => share));
    for (const share of this.#shares) if (share.heldBytes > 0 && !waiting.has(share)) return;
    const last = this.#waiters.findLast(({ share }) => share.heldBytes > 0);
    last?.done(usedUp());
  }

  /** Ends the session that holds the most memory, among those with silent peers. */
  #endSilent(): void {
    let worst: Share | null = null;
    for (const share of this.#shares) {
      if (share.heldBytes === 0 || !share.isSilent(this.#options.silentMs)) continue;
      if (worst === null || share.heldBytes > worst.heldBytes) worst = share;
    }
    worst?.end();
  }
}

function usedUp(): BackupError {
  return new BackupError('locked', 'backup_memory is used up by other sessions');
}

/** The memory of one session. */
export class Share {
  readonly #memory: Memory;
  readonly #end: () => void;
  #heldBytes = 0;
  #movedAt = 0;
  #waitingSince: number | null = null;
  /** Whether the peer is expected to send more. */
  #isComingIn = false;

  constructor(memory: Memory, end: () => void) {
    this.#memory = memory;
    this.#end = end;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** When the current command first waited. */
  get waitingSince(): number {
    return this.#waitingSince ?? performance.now();
  }

  isSilent(silentMs: number): boolean {
    return this.#isComingIn && performance.now() - this.#movedAt >= silentMs;
  }

  end(): void {
    this.#end();
  }

  /** Grows the share to `bytes`. Returns false if there is no room. */
  grow(bytes: number): boolean {
    const moreBytes = bytes - UNCOUNTED_BYTES - this.#heldBytes;
    if (moreBytes <= 0) return true;
    if (!this.#memory.take(moreBytes)) return false;
    this.#heldBytes += moreBytes;
    return true;
  }

  /**
   * Reports that the current command uses `bytes` so far, and that more may arrive. Throws 'limit'
   * if that exceeds all memory, and 'locked' if there is no room now.
   */
  readonly hold = (bytes: number): Promise<void> | undefined => {
    this.#isComingIn = true;
    this.#movedAt = performance.now();
    if (this.grow(bytes)) return undefined;
    const { totalBytes } = this.#memory;
    if (bytes > totalBytes) {
      throw new BackupError(
        'limit',
        `a command that takes more than ${totalBytes} bytes of memory (backup_memory)`,
      );
    }
    // While the command waits, the peer waits too, so the peer does not count as silent.
    this.#isComingIn = false;
    this.#waitingSince ??= this.#movedAt;
    return this.#waitFor(bytes);
  };

  async #waitFor(bytes: number): Promise<void> {
    await this.#memory.wait(this, bytes);
    this.#isComingIn = true;
    this.#movedAt = performance.now();
  }

  /** Call when the command has arrived completely. */
  isWhole(): void {
    this.#isComingIn = false;
  }

  /** Call when the command has ended. */
  release(): void {
    this.#isComingIn = false;
    this.#waitingSince = null;
    const bytes = this.#heldBytes;
    this.#heldBytes = 0;
    this.#memory.give(bytes);
  }

  /** Call when the session has ended. */
  close(): void {
    this.release();
    this.#memory.forget(this);
  }
}
