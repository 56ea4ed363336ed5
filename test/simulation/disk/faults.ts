/** What may go wrong with a call of the simulated disk. */

export type Fault =
  /** The call fails. A failed sync loses what it should have written. */
  | 'EIO'
  | 'ENOSPC'
  /** A read or write does only a part. */
  | 'short'
  /** Another process has the lock. */
  | 'busy'
  /** The power fails before the call or after it. Every later call fails, too. */
  | 'cut before'
  | 'cut after';

export interface Call {
  readonly name: string;
  readonly path: string;
}

/** Decides what happens to a call. undefined: it succeeds. */
export type FaultPlan = (call: Call) => Fault | undefined;

const ERRNO: Readonly<Record<string, [number, string]>> = {
  EIO: [-5, 'i/o error'],
  ENOSPC: [-28, 'no space left on device'],
  ENOENT: [-2, 'no such file or directory'],
  EEXIST: [-17, 'file already exists'],
  ENOTDIR: [-20, 'not a directory'],
  EISDIR: [-21, 'illegal operation on a directory'],
  ENOTEMPTY: [-39, 'directory not empty'],
  EBADF: [-9, 'bad file descriptor'],
};

export function systemError(code: string, syscall: string, path = ''): Error {
  const [errno, text] = ERRNO[code] ?? [-1, 'unknown error'];
  const where = path === '' ? '' : ` '${path}'`;
  return Object.assign(new Error(`${code}: ${text}, ${syscall}${where}`), { code, errno, syscall });
}
