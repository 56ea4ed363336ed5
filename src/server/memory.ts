/**
 * What all sessions together hold in memory of commands that come in and of uploads that wait for their mailbox (backup_memory):
 * many sessions may send large commands at the same time, and each of them stays within its own limits.
 *
 * A command that finds no room waits for others to end, and is refused with "try again later" when that takes too long. Meanwhile a
 * session that holds much and whose peer sends nothing more is ended: a silent peer must not keep everybody's memory.
 */
import { BackupError } from '../errors.ts';

export interface MemoryOptions {
  readonly totalBytes: number;
  /** How long a command waits for room. */
  readonly waitMs: number;
  /** A holder that has come no further for so long is ended when others wait. */
  readonly silentMs: number;
}

/** A command of an ordinary size is not counted, and waits for nothing: a thousand of them take this times a thousand. */
export const UNCOUNTED_BYTES = 64 * 1024;
/** The part of all memory that uploads may take: what does not fit is in a file. */
const STAGING_PART = 1 / 4;

interface Waiter {
  readonly grow: () => boolean;
  readonly wake: () => void;
}

export class Memory {
  #options: MemoryOptions;
  #usedBytes = 0;
  readonly #shares = new Set<Share>();
  readonly #waiters = new Set<Waiter>();

  constructor(options: MemoryOptions) {
    this.#options = options;
  }

  reconfigure(options: MemoryOptions): void {
    this.#options = options;
    this.#wakeAll();
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  get options(): MemoryOptions {
    return this.#options;
  }

  /** A session's share. `end` is called where others need what it holds and its peer is silent. */
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

  /** For uploads, which can be elsewhere. */
  takeForStaging(bytes: number): boolean {
    return this.#usedBytes + bytes <= this.#options.totalBytes * STAGING_PART && this.take(bytes);
  }

  give(bytes: number): void {
    this.#usedBytes -= bytes;
    if (bytes > 0) this.#wakeAll();
  }

  /** Waits until `grow` succeeds. Throws 'locked' where that takes too long. */
  async waitFor(grow: () => boolean): Promise<void> {
    this.#endSilent();
    const deadline = performance.now() + this.#options.waitMs;
    while (!grow()) {
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) throw new BackupError('locked', 'backup_memory is used up by other sessions');
      await new Promise<void>((resolve) => {
        const timer = setTimeout(() => waiter.wake(), Math.min(leftMs, this.#options.silentMs));
        const waiter: Waiter = {
          grow,
          wake: () => {
            clearTimeout(timer);
            this.#waiters.delete(waiter);
            resolve();
          },
        };
        this.#waiters.add(waiter);
      });
      this.#endSilent();
    }
  }

  #wakeAll(): void {
    for (const waiter of Array.from(this.#waiters)) waiter.wake();
  }

  /** Ends the session that holds the most of those whose peers are silent. */
  #endSilent(): void {
    let worst: Share | null = null;
    for (const share of this.#shares) {
      if (share.heldBytes === 0 || !share.isSilent(this.#options.silentMs)) continue;
      if (worst === null || share.heldBytes > worst.heldBytes) worst = share;
    }
    worst?.end();
  }
}

/** What one session holds. */
export class Share {
  readonly #memory: Memory;
  readonly #end: () => void;
  #heldBytes = 0;
  #movedAt = 0;
  /** Whether more is expected of the peer. */
  #isComingIn = false;

  constructor(memory: Memory, end: () => void) {
    this.#memory = memory;
    this.#end = end;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  isSilent(silentMs: number): boolean {
    return this.#isComingIn && performance.now() - this.#movedAt >= silentMs;
  }

  end(): void {
    this.#end();
  }

  /** The command at hand takes so much by now, and more may come. Throws 'limit' where it can never have that, 'locked' where not now. */
  readonly hold = (bytes: number): Promise<void> | undefined => {
    this.#isComingIn = true;
    this.#movedAt = performance.now();
    const grow = (): boolean => {
      const moreBytes = bytes - UNCOUNTED_BYTES - this.#heldBytes;
      if (moreBytes <= 0) return true;
      if (!this.#memory.take(moreBytes)) return false;
      this.#heldBytes += moreBytes;
      return true;
    };
    if (grow()) return undefined;
    const { totalBytes } = this.#memory.options;
    if (bytes > totalBytes) {
      throw new BackupError(
        'limit',
        `a command that takes more than ${totalBytes} bytes of memory (backup_memory)`,
      );
    }
    // It waits, and its peer with it: that is no silence.
    this.#isComingIn = false;
    return this.#memory.waitFor(grow).then(() => {
      this.#isComingIn = true;
      this.#movedAt = performance.now();
    });
  };

  /** All of the command has come in. */
  isWhole(): void {
    this.#isComingIn = false;
  }

  /** The command is done with. */
  release(): void {
    this.#isComingIn = false;
    const bytes = this.#heldBytes;
    this.#heldBytes = 0;
    this.#memory.give(bytes);
  }

  /** The session is over. */
  close(): void {
    this.release();
    this.#memory.forget(this);
  }
}
