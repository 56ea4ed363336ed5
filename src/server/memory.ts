/**
 * What all sessions together hold in memory of commands that come in and of uploads that wait for their mailbox (backup_memory):
 * many sessions may send large commands at the same time, and each of them stays within its own limits.
 *
 * A command that finds no room waits for others to end, in the order in which they began. Where all of them wait for each other the
 * one that began last is refused with "try again later", and so is one that waits for too long. Meanwhile a session that holds much
 * and whose peer sends nothing more is ended: a silent peer must not keep everybody's memory.
 */
import { BackupError } from '../errors.ts';

export interface MemoryOptions {
  readonly totalBytes: number;
  /** How long a command waits for room, all in all. */
  readonly waitMs: number;
  /** A holder that has come no further for so long is ended when others wait. */
  readonly silentMs: number;
}

/** A command of an ordinary size is not counted, and waits for nothing: a thousand of them take this times a thousand. */
export const UNCOUNTED_BYTES = 64 * 1024;
/** The part of all memory that uploads may take: what does not fit is in a file. */
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
    if (bytes > 0) this.#grant();
  }

  /** Waits until the share has grown. Throws 'locked' where that takes too long, or can never be. */
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
      // Room for a later one that needs less would be taken from this one for ever.
      if (!share.grow(bytes)) return;
      done();
    }
  }

  /** Where all that hold something wait for more, the one that began last gives way. */
  #breakCircle(): void {
    const waiting = new Set(this.#waiters.map(({ share }) => share));
    for (const share of this.#shares) if (share.heldBytes > 0 && !waiting.has(share)) return;
    const last = this.#waiters.findLast(({ share }) => share.heldBytes > 0);
    last?.done(usedUp());
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

function usedUp(): BackupError {
  return new BackupError('locked', 'backup_memory is used up by other sessions');
}

/** What one session holds. */
export class Share {
  readonly #memory: Memory;
  readonly #end: () => void;
  #heldBytes = 0;
  #movedAt = 0;
  #waitingSince: number | null = null;
  /** Whether more is expected of the peer. */
  #isComingIn = false;

  constructor(memory: Memory, end: () => void) {
    this.#memory = memory;
    this.#end = end;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** When the command at hand waited first. */
  get waitingSince(): number {
    return this.#waitingSince ?? performance.now();
  }

  isSilent(silentMs: number): boolean {
    return this.#isComingIn && performance.now() - this.#movedAt >= silentMs;
  }

  end(): void {
    this.#end();
  }

  /** Whether it is so large now. */
  grow(bytes: number): boolean {
    const moreBytes = bytes - UNCOUNTED_BYTES - this.#heldBytes;
    if (moreBytes <= 0) return true;
    if (!this.#memory.take(moreBytes)) return false;
    this.#heldBytes += moreBytes;
    return true;
  }

  /** The command at hand takes so much by now, and more may come. Throws 'limit' where it can never have that, 'locked' where not now. */
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
    // It waits, and its peer with it: that is no silence.
    this.#isComingIn = false;
    this.#waitingSince ??= this.#movedAt;
    return this.#waitFor(bytes);
  };

  async #waitFor(bytes: number): Promise<void> {
    await this.#memory.wait(this, bytes);
    this.#isComingIn = true;
    this.#movedAt = performance.now();
  }

  /** All of the command has come in. */
  isWhole(): void {
    this.#isComingIn = false;
  }

  /** The command is done with. */
  release(): void {
    this.#isComingIn = false;
    this.#waitingSince = null;
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
