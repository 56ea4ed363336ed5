/**
 * Keeps the texts that were last shown, so that size and bytes agree however often the kernel asks
 * for them. The number of texts and their total size are limited.
 */
import { LRUCache } from 'lru-cache';

const MAX_SNAPSHOTS = 256;
const KEPT_BYTES = 32 * 1024 * 1024;

export interface Snapshot {
  readonly bytes: Buffer;
  /** The time when the text changed to its present form, or when that form was first seen. */
  readonly mtimeMs: number;
  /** A number that is different for each text. */
  readonly serial: number;
}

export class Snapshots {
  readonly #kept = new LRUCache<string, Snapshot & { takenAtMs: number }>({
    max: MAX_SNAPSHOTS,
    maxSize: KEPT_BYTES,
    sizeCalculation: ({ bytes }) => bytes.length + 1,
  });
  #lastSerial = 0;

  /** Returns the text of a key. `make` generates it as bytes, or as a string in latin1. */
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
