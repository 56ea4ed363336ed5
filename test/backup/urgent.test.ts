import { readFileSync, readdirSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import { expect } from 'chai';
import { beginUrgent } from '../../src/backup/urgent.ts';

/** proc(5): of each thread, the nice value is the 19th field of its stat; the second, its name, may have spaces in it. */
function prioritiesOfThreads(): number[] {
  return readdirSync('/proc/self/task').map((thread) => {
    const stat = readFileSync(`/proc/self/task/${thread}/stat`, 'latin1');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]);
  });
}

/** Whether this process may go back to where it was, of which a try is the only proof. */
function mayRaise(): boolean {
  const usual = getPriority();
  try {
    setPriority(usual - 1);
    setPriority(usual);
    return true;
  } catch {
    return false;
  }
}

describe('backup/urgent', () => {
  it('gives all threads the priority of backupd, for a while; or none where the process may not', () => {
    const usual = getPriority();
    const expected = mayRaise() ? Math.min(-10, usual) : usual;
    const end = beginUrgent();
    expect(new Set(prioritiesOfThreads())).to.deep.equal(new Set([expected]));
    end();
    expect(new Set(prioritiesOfThreads())).to.deep.equal(new Set([usual]));
    end();
    expect(getPriority()).to.equal(usual);
  });
});
