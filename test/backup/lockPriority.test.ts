import { readFileSync, readdirSync, rmSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { whileLocked } from '../../src/backup/lockPriority.ts';
import { messageOf } from '../../src/errors.ts';
import { makeFolder } from '../support/machine.ts';

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
  it('gives all threads the priority of backupd under the lock; or none where the process may not', async () => {
    const usual = getPriority();
    const expected = mayRaise() ? Math.min(-10, usual) : usual;
    const folder = makeFolder('urgent');
    try {
      const path = join(folder, 'anne_aaaaaa');
      const found = await whileLocked(path, { create: true }, async () => prioritiesOfThreads());
      expect(new Set(found)).to.deep.equal(new Set([expected]));
      expect(new Set(prioritiesOfThreads())).to.deep.equal(new Set([usual]));
      const failed = whileLocked(path, {}, () => Promise.reject(new Error('it went wrong')));
      expect(await failed.catch(messageOf)).to.equal('it went wrong');
      expect(getPriority()).to.equal(usual);
      await whileLocked(path, {}, async ({ fd }) => expect(fd).to.be.above(0));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
