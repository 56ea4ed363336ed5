import { expect } from 'chai';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { runCtlBackups } from '../../../src/cli/ctl_backups/main.ts';
import { LockedFile } from '../../../src/fs/lockedFile.ts';
import { Capture, SampleSite } from '../../backup/sampleBackup.ts';

describe('ctl_backups lock', () => {
  let site: SampleSite;

  beforeEach(async () => {
    site = await SampleSite.create(['anne']);
  });

  afterEach(() => site.remove());

  async function run(
    stdin: Readable,
    ...args: string[]
  ): Promise<{ code: number; out: string; err: string }> {
    const io = new Capture();
    const code = await runCtlBackups(['-C', site.config, ...args], {
      stdin,
      stdout: io.stdout,
      stderr: io.stderr,
    });
    return { code, out: io.out, err: io.err };
  }

  const isLocked = (): Promise<boolean> =>
    LockedFile.acquire(site.pathOf('anne')).then(
      (file) => (file.release(), false),
      () => true,
    );

  it('holds the lock until standard input ends', async () => {
    const stdin = new PassThrough();
    const done = run(stdin, 'lock', 'anne');
    while (!(await isLocked())) await sleep(5);
    stdin.write('a line does not end it\n');
    await sleep(20);
    expect(await isLocked()).to.equal(true);
    stdin.end();
    expect(await done).to.deep.equal({
      code: 0,
      out: '* Trying to obtain lock on anne...\nOK locked\n',
      err: '',
    });
    expect(await isLocked()).to.equal(false);
  });

  it('says NO where another holds it', async () => {
    const file = await LockedFile.acquire(site.pathOf('anne'));
    const { code, out } = await run(Readable.from([]), 'lock', '-p', 'anne');
    file.release();
    expect(code).to.equal(75);
    expect(out).to.match(/^\* Trying to obtain lock on anne\.\.\.\nNO failed \(.* is locked by .*\)\n$/);
  });

  it('runs a command with the names of the files, and ends as it does', async () => {
    const to = join(site.folder, 'said');
    const command = `echo "$ctl_backups_lock_data_fname $ctl_backups_lock_index_fname" > ${to}; exit 7`;
    const { code, err } = await run(Readable.from([]), 'lock', '-x', command, 'anne');
    expect({ code, err }).to.deep.equal({ code: 7, err: 'trying to obtain lock on anne...\n' });
    const path = site.pathOf('anne');
    expect(readFileSync(to, 'utf8')).to.equal(`${path} ${path}.index\n`);
  });

  it('ends with EX_SOFTWARE where the command was killed', async () => {
    expect((await run(Readable.from([]), 'lock', '-x', 'kill -9 $$', 'anne')).code).to.equal(70);
  });

  it('makes a backup with -c, which must not be there', async () => {
    expect((await run(Readable.from([]), 'lock', '-c', 'zoe')).out).to.match(/OK locked\n$/);
    expect((await run(Readable.from([]), 'lock', '-c', 'zoe')).out).to.match(
      /NO failed \(.* is there already\)\n$/,
    );
    const path = join(site.folder, 'loose_ABCDEF');
    expect((await run(Readable.from([]), 'lock', '-c', '-f', path)).code).to.equal(0);
    expect(statSync(path).mode % 0o1000).to.equal(0o600);
    expect((await run(Readable.from([]), 'lock', '-c', '-f', path)).code).to.equal(65);
  });

  it('makes nothing without -c', async () => {
    const { code, err } = await run(Readable.from([]), 'lock', 'zoe');
    expect({ code, err }).to.deep.equal({ code: 67, err: 'zoe: not found in backups.db\n' });
    const path = join(site.folder, 'loose_ABCDEF');
    expect((await run(Readable.from([]), 'lock', '-f', path)).code).to.equal(66);
    expect(existsSync(path)).to.equal(false);
  });
});
