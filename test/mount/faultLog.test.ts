import { expect } from 'chai';
import { BackupError } from '../../src/errors.ts';
import { faultLog } from '../../mount/faultLog.ts';
import { FsError } from '../../mount/vfs/fsError.ts';

describe('the log of faults', () => {
  it('says each once, whoever asks how often', () => {
    const lines: string[] = [];
    const faults = faultLog((line) => lines.push(line));
    for (let round = 0; round < 50; round++) {
      for (const uid of [1, 2]) faults('READ', new BackupError('damaged', `UID ${uid} is damaged`));
      faults('LOOKUP', new BackupError('damaged', 'UID 1 is damaged'));
    }
    expect(lines).to.deep.equal(['mount: READ: UID 1 is damaged', 'mount: READ: UID 2 is damaged']);
  });

  it('says nothing of what is no fault: a name that is not there', () => {
    const lines: string[] = [];
    const faults = faultLog((line) => lines.push(line));
    faults('LOOKUP', new FsError('ENOENT'));
    faults('LOOKUP', new BackupError('not-found', 'it is gone'));
    expect(lines).to.deep.equal([]);
  });

  it('holds few of them, however many there are', () => {
    let count = 0;
    const faults = faultLog(() => (count += 1));
    for (let uid = 0; uid < 5000; uid++) faults('READ', new Error(`UID ${uid}`));
    faults('READ', new Error('UID 4999'));
    expect(count).to.equal(5000);
  });
});
