/**
 * Limits the page caches of indexes that are open for writing. A server holds hundreds of them. The
 * first few get a cache as large as a fold's working set, and the others a smaller one. All caches
 * together stay below some 100 MiB.
 */

/** Cache size that holds a fold's working set. */
export const CACHE_KIB = 2048;
const SMALL_CACHE_KIB = 256;
const WITH_FULL_CACHE = 24;

let writers = 0;

/** Counts a writer, and returns the size of its cache in KiB. */
export function cacheOfWriter(): number {
  writers += 1;
  return writers > WITH_FULL_CACHE ? SMALL_CACHE_KIB : CACHE_KIB;
}

/** Subtracts a closed writer from the count. */
export function writerClosed(): void {
  writers -= 1;
}
