import { expect } from 'chai';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fstatSync, openSync, closeSync, readSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BackupError } from '../../src/errors.ts';
import { LockedFile, SharedRead, registeredFileCount } from '../../src/fs/lockedFile.ts';
import { lockHolder, lockSync, lockWait, tryLock, unlock } from '../../src/fs/posixLock.ts';
import { makeScratch, removeScratch } from '../catalog/scratch.ts';

const MODULE = new URL('../../src/fs/posixLock.js', import.meta.url).href;

/** A process that holds a write lock on the file until it is killed. */
async function lockElsewhere(path: string): Promise<ChildProcess> {
  const script = `
    import { openSync } from 'node:fs';
    import { tryLock } from '${MODULE}';
    const fd = openSync(${JSON.stringify(path)}, 'r+');
    process.stdout.write(String(tryLock(fd, 'write')));
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  expect(said.toString()).to.equal('true');
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

async function kindOf(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt;
    return 'none';
  } catch (error) {
    return error instanceof BackupError ? error.kind : String(error);
  }
}

describe('locked data files', () => {
  let scratch: string;
  let path: string;
  beforeEach(() => {
    scratch = makeScratch();
    path = join(scratch, 'data');
    writeFileSync(path, 'mail');
  });
  afterEach(() => {
    expect(registeredFileCount()).to.equal(0);
    removeScratch(scratch);
  });

  it('are refused while another process holds them, with its pid, and free once it is gone', async () => {
    const child = await lockElsewhere(path);
    const fd = openSync(path, 'r+');
    expect(tryLock(fd, 'write')).to.equal(false);
    expect(tryLock(fd, 'read')).to.equal(false);
    expect(lockHolder(fd)).to.equal(child.pid);
    closeSync(fd);
    const failure = await LockedFile.acquire(path).catch((error: unknown) => error as BackupError);
    expect(failure).to.be.instanceOf(BackupError).with.property('message').that.includes(String(child.pid));
    const waiting = LockedFile.acquire(path, { wait: {} });
    await end(child);
    const file = await waiting;
    expect(lockHolder(file.fd)).to.equal(null);
    file.release();
  });

  it('are refused a second time within one process, where the kernel would not', async () => {
    const file = await LockedFile.acquire(path);
    expect(await kindOf(LockedFile.acquire(path))).to.equal('locked');
    file.release();
    const again = await LockedFile.acquire(path);
    again.release();
    again.release();
  });

  it('stay locked while readers in the same process come and go', async () => {
    const reader = SharedRead.open(path);
    const file = await LockedFile.acquire(path);
    reader.close();
    SharedRead.open(path).close();
    await kindOf(LockedFile.acquire(path));
    expect(await lockedSeenFromOutside(path)).to.equal(true);
    file.release();
    expect(await lockedSeenFromOutside(path)).to.equal(false);
  });

  it('give a reader that outlives the lock a descriptor that works', async () => {
    const file = await LockedFile.acquire(path);
    const reader = SharedRead.open(path);
    file.release();
    expect(await lockedSeenFromOutside(path)).to.equal(false);
    const bytes = Buffer.alloc(4);
    expect(readSync(reader.fd, bytes, 0, 4, 0)).to.equal(4);
    reader.close();
    reader.close();
  });

  it('are those that the name leads to after a compaction renamed another over them', async () => {
    const file = await LockedFile.acquire(path);
    const waiting = LockedFile.acquire(path, { wait: { timeoutMs: 5000 } });
    writeFileSync(`${path}.new`, 'compacted');
    renameSync(`${path}.new`, path);
    expect(file.isCurrent()).to.equal(false);
    file.release();
    const second = await waiting;
    expect(fstatSync(second.fd).ino).to.equal(statSync(path).ino);
    expect(second.isCurrent()).to.equal(true);
    second.release();
  });

  it('are created only where that is asked for', async () => {
    expect(await kindOf(LockedFile.acquire(join(scratch, 'none')))).to.equal('not-found');
    const file = await LockedFile.acquire(join(scratch, 'made'), { create: true });
    expect(statSync(join(scratch, 'made')).mode & 0o777).to.equal(0o600);
    file.release();
  });

  it('are given up at the time limit and at an abort', async () => {
    const child = await lockElsewhere(path);
    const fd = openSync(path, 'r+');
    expect(await lockWait(fd, 'write', { timeoutMs: 30 })).to.equal(false);
    expect(lockSync(fd, 'write', 20)).to.equal(false);
    const controller = new AbortController();
    const waiting = kindOf(lockWait(fd, 'write', { signal: controller.signal }));
    controller.abort(new BackupError('closed', 'peer went away'));
    expect(await waiting).to.equal('closed');
    await end(child);
    expect(tryLock(fd, 'write')).to.equal(true);
    unlock(fd);
    closeSync(fd);
  });
});

describe('a lock of a descriptor', () => {
  it('outlives that another of the process is unlocked and closed, and keeps other processes out', async () => {
    const scratch = makeScratch();
    const path = join(scratch, 'backups.db');
    writeFileSync(path, 'users');
    const [ours, theirs] = [openSync(path, 'r'), openSync(path, 'r')];
    expect(tryLock(ours, 'read', 'descriptor')).to.equal(true);
    expect(tryLock(theirs, 'read', 'descriptor')).to.equal(true);
    unlock(theirs, 'descriptor');
    closeSync(theirs);
    expect(await lockedSeenFromOutside(path)).to.equal(true);
    unlock(ours, 'descriptor');
    const child = await lockElsewhere(path);
    expect(tryLock(ours, 'read', 'descriptor')).to.equal(false);
    await end(child);
    closeSync(ours);
    removeScratch(scratch);
  });
});

async function lockedSeenFromOutside(path: string): Promise<boolean> {
  const script = `
    import { openSync } from 'node:fs';
    import { tryLock } from '${MODULE}';
    process.stdout.write(String(!tryLock(openSync(${JSON.stringify(path)}, 'r+'), 'write')));`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  await once(child, 'exit');
  return said.toString() === 'true';
}
