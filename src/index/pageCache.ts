/**
 * How large the page cache of an index that is open for writing may become. A server holds hundreds of them: the first few have
 * what a fold's working set needs, the others less, so that together they stay below some 100 MiB.
 */

/** Enough for a fold's working set. */
export const CACHE_KIB = 2048;
const SMALL_CACHE_KIB = 256;
const WITH_FULL_CACHE = 24;

let writers = 0;

/** Counts a writer; it has so much, in KiB. */
export function cacheOfWriter(): number {
  writers += 1;
  return writers > WITH_FULL_CACHE ? SMALL_CACHE_KIB : CACHE_KIB;
}

/** One of them was closed. */
export function writerClosed(): void {
  writers -= 1;
}
