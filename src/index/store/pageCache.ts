/**
 * Limits the page caches of indexes that are open for writing. A server holds hundreds of them. The
 * first few get what a fold's working set needs and the others less, so that together they stay
 * below some 100 MiB.
 */

/** Enough for a fold's working set. */
export const CACHE_KIB = 2048;
const SMALL_CACHE_KIB = 256;
const WITH_FULL_CACHE = 24;

let writers = 0;

/** Counts a writer, and returns the size of its cache in KiB. */
export function cacheOfWriter(): number {
  writers += 1;
  return writers > WITH_FULL_CACHE ? SMALL_CACHE_KIB : CACHE_KIB;
}

/** Uncounts a writer that was closed. */
export function writerClosed(): void {
  writers -= 1;
}
