/**
 * The texts last shown, kept so that size and bytes agree however often the kernel asks. Their
 * number and total size are bounded.
 */
import { LRUCache } from 'lru-cache';

const MAX_SNAPSHOTS = 256;
const KEPT_BYTES = 32 * 1024 * 1024;

export interface Snapshot {
  readonly bytes: Buffer;
  /** When the text came to be as it is, or was first seen. */
  readonly mtimeMs: number;
  /** Each text has its own serial. */
  readonly serial: number;
}

export class Snapshots {
  readonly #kept = new LRUCache<string, Snapshot & { takenAtMs: number }>({
    max: MAX_SNAPSHOTS,
    maxSize: KEPT_BYTES,
    sizeCalculation: ({ bytes }) => bytes.length + 1,
  });
  #lastSerial = 0;

  /** `make` returns bytes, or a string in latin1. */
  get(key: string, maxAgeMs: number, make: () => string | Buffer, sinceMs: number | undefined): Snapshot {
    const nowMs = Date.now();
    const kept = this.#kept.get(key);
    if (kept !== undefined && nowMs - kept.takenAtMs < maxAgeMs) return kept;
    const made = make();
    const bytes = typeof made === 'string' ? Buffer.from(made, 'latin1') : made;
    if (kept?.bytes.equals(bytes) === true) {
      kept.takenAtMs = nowMs;
      return kept;
    }
    const taken = { bytes, mtimeMs: sinceMs ?? nowMs, serial: ++this.#lastSerial, takenAtMs: nowMs };
    this.#kept.set(key, taken);
    return taken;
  }
}
