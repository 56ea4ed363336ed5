/** Looks up accounts of the machine. Node itself knows only the account that it runs as. */
import { execFileSync } from 'node:child_process';

export interface SystemAccount {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/**
 * Looks up an account by its name or number, in every source that the machine is set up to use.
 * Returns undefined if there is none.
 */
export function systemAccount(name: string): SystemAccount | undefined {
  if (name.startsWith('-')) return undefined;
  try {
    const line = execFileSync('getent', ['passwd', name], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [own = name, , uid, gid] = line.trim().split(':');
    return { name: own, uid: Number(uid), gid: Number(gid) };
  } catch {
    return undefined;
  }
}
