/** A file that takes its name once it is whole. */
import { expect } from 'chai';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { BackupError } from '../../src/errors.ts';
import { ReplacementFile } from '../../src/fs/replacementFile.ts';

describe('a file that replaces another as a whole', () => {
  let folder: string;
  let path: string;
  let temporary: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'replacement-'));
    path = join(folder, 'x');
    temporary = join(folder, 'x.part');
    writeFileSync(path, 'before');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('is there after commit and not before; abandoned, nothing of it is left', async () => {
    const file = new ReplacementFile(path, { temporary });
    await file.write(Buffer.alloc(3 << 20, 'a'));
    expect(readFileSync(path, 'utf8')).to.equal('before');
    await file.commit();
    file.abandon();
    expect(readFileSync(path)).to.have.lengthOf(3 << 20);
    const other = new ReplacementFile(path, { temporary });
    await other.write(Buffer.from('b'));
    other.abandon();
    expect([existsSync(temporary), readFileSync(path).length]).to.deep.equal([false, 3 << 20]);
  });

  it('what a killed process left, or a link, does not stand in its way', async () => {
    symlinkSync(path, temporary);
    const file = new ReplacementFile(path, { temporary });
    await file.write(Buffer.from('after'));
    expect(readFileSync(path, 'utf8')).to.equal('before');
    await file.commit();
    expect(readFileSync(path, 'utf8')).to.equal('after');
  });

  it('a process that is still writing is not disturbed', async () => {
    const module = new URL('../../src/fs/replacementFile.js', import.meta.url).pathname;
    const script = `import { ReplacementFile } from ${JSON.stringify(module)};
      new ReplacementFile(process.argv[1], { temporary: process.argv[1] + '.part' });
      console.log('open'); setTimeout(() => {}, 60000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      await once(child.stdout, 'data');
      expect(() => new ReplacementFile(path, { temporary })).to.throw(
        BackupError,
        /is being written by another process/,
      );
    } finally {
      child.kill('SIGKILL');
      await once(child, 'close');
    }
    const file = new ReplacementFile(path, { temporary });
    await file.commit();
    expect(readFileSync(path, 'utf8')).to.equal('');
  });
});
