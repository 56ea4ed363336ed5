/**
 * Calls the C library through koffi. koffi takes some 17 ms to load, and many commands never need
 * it, so it is loaded by the first call.
 */
import { createRequire } from 'node:module';
import type Koffi from 'koffi';

let loaded: typeof Koffi | undefined;

function koffi(): typeof Koffi {
  loaded ??= createRequire(import.meta.url)('koffi') as typeof Koffi;
  return loaded;
}

/** Returns a function of the C library, by its prototype. It is looked up when first called. */
export function libcFunction<A extends unknown[]>(prototype: string): (...args: A) => number {
  let call: ((...args: A) => number) | undefined;
  return (...args) =>
    (call ??= koffi().load(null).func(prototype) as unknown as (...args: A) => number)(...args);
}

/** Returns errno as the last call left it. */
export function lastErrno(): number {
  return koffi().errno();
}
