/**
 * Calls the C library through koffi. koffi is loaded with this module, although many commands never
 * call it: a command that root runs takes the rights of the store's owner, and may then no longer
 * read the program's own files.
 */
import koffi from 'koffi';

/** Returns a function of the C library, by its prototype. It is looked up when first called. */
export function libcFunction<A extends unknown[]>(prototype: string): (...args: A) => number {
  type Call = (...args: A) => number;
  let call: Call | undefined;
  return (...args) => (call ??= koffi.load(null).func(prototype) as unknown as Call)(...args);
}

/** Returns errno as the last call left it. */
export function lastErrno(): number {
  return koffi.errno();
}
