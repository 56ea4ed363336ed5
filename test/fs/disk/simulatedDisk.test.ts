import { expect } from 'chai';
import fc from 'fast-check';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { useDisk } from '../../../src/fs/disk/current.ts';
import type { Disk } from '../../../src/fs/disk/disk.ts';
import { O_CREAT, O_DIRECTORY, O_EXCL, O_RDONLY, O_RDWR } from '../../../src/fs/disk/openFlags.ts';
import { realDisk } from '../../../src/fs/disk/realDisk.ts';
import { replaceFile } from '../../../src/fs/replaceFile.ts';
import { SimulatedDisk } from '../../simulation/disk/simulatedDisk.ts';
import type { NameOrder } from '../../simulation/disk/names.ts';
import { randomFrom } from '../../support/random.ts';

const SEEDS = Array.from({ length: 300 }, (_, seed) => seed);
const NEW = O_RDWR | O_CREAT | O_EXCL;

describe('the simulated disk', () => {
  let root: string;
  beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'simulated-'))));
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const make = (seed: number, order: NameOrder = 'strict'): SimulatedDisk =>
    new SimulatedDisk({ root, order, random: randomFrom(seed), nowNs: () => 1_700_000_000_000_000_000n });
  const path = (name: string): string => join(root, name);

  function create(disk: Disk, name: string, text: string): number {
    const fd = disk.open(path(name), NEW, 0o600);
    disk.write(fd, Buffer.from(text), 0, text.length, 0);
    return fd;
  }

  function syncFolder(disk: Disk): void {
    const fd = disk.open(root, O_RDONLY | O_DIRECTORY);
    disk.fsync(fd);
    disk.close(fd);
  }

  /** What the file is after a power cut, for each seed. */
  function afterCuts(work: (disk: Disk, simulated: SimulatedDisk) => void, name = 'file'): Set<string> {
    const found = new Set<string>();
    for (const seed of SEEDS) {
      const simulated = make(seed);
      work(simulated.disk, simulated);
      simulated.crash();
      found.add(simulated.contentOf(path(name))?.toString('latin1') ?? 'gone');
    }
    return found;
  }

  it('keeps a file over a power cut once the file and its folder were synced, and not before', () => {
    const found = afterCuts((disk) => {
      disk.fsync(create(disk, 'file', 'text'));
      syncFolder(disk);
    });
    expect([...found]).to.deep.equal(['text']);
    expect([...afterCuts((disk) => disk.fsync(create(disk, 'file', 'text')))].toSorted()).to.deep.equal([
      'gone',
      'text',
    ]);
  });

  it('keeps any of the unsynced sectors, and zeros for the others', () => {
    const found = afterCuts((disk) => {
      const fd = create(disk, 'file', '');
      syncFolder(disk);
      disk.write(fd, Buffer.alloc(1536, 'x'), 0, 1536, 0);
    });
    const shape = (text: string): string =>
      [0, 512, 1024].map((at) => (text[at] === 'x' ? 'x' : text[at] === '\0' ? '0' : '-')).join('');
    const shapes = new Set([...found].map(shape));
    expect([...shapes]).to.include.members(['---', 'xxx', '0xx', 'x0x', 'xx-', 'x--']);
  });

  it('has after a replaceFile the old or the new content, and after its success the new one', () => {
    const replaced = (disk: Disk, simulated: SimulatedDisk, isCut: boolean): void => {
      const before = useDisk(disk);
      try {
        replaceFile(path('file'), Buffer.from('old'));
        const { calls } = simulated;
        const at = calls + 1 + Math.floor(Math.random() * 8);
        if (isCut) simulated.plan = () => (simulated.calls === at ? 'cut after' : undefined);
        replaceFile(path('file'), Buffer.from('new'));
      } catch (error) {
        if (!isCut) throw error;
      } finally {
        useDisk(before);
      }
    };
    expect([...afterCuts((disk, it) => replaced(disk, it, false))]).to.deep.equal(['new']);
    expect([...afterCuts((disk, it) => replaced(disk, it, true))].toSorted()).to.deep.equal(['new', 'old']);
  });

  it('loses changes of names in any order where it is strict, and only the last ones where it is journalled', () => {
    const found = { strict: new Set<string>(), journalled: new Set<string>() };
    for (const order of ['strict', 'journalled'] as const) {
      for (const seed of SEEDS) {
        const simulated = make(seed, order);
        for (const name of ['one', 'two']) create(simulated.disk, name, '');
        simulated.disk.rename(path('one'), path('three'));
        simulated.crash();
        const names = simulated.files.paths().map((name) => name.slice(root.length + 1));
        found[order].add(names.join());
      }
    }
    expect([...found.journalled].toSorted()).to.deep.equal(['', 'one', 'one,two', 'three,two']);
    expect([...found.strict].toSorted()).to.deep.equal(['', 'one', 'one,two', 'three', 'three,two', 'two']);
  });

  it('gives an unlinked file back whole where the folder was not synced', () => {
    const found = afterCuts((disk) => {
      const fd = create(disk, 'file', 'text');
      disk.fsync(fd);
      syncFolder(disk);
      disk.unlink(path('file'));
      disk.close(fd);
    });
    expect([...found].toSorted()).to.deep.equal(['gone', 'text']);
  });

  it('loses for good what a failed sync should have written, though a later one succeeds', () => {
    const found = afterCuts((disk, simulated) => {
      const fd = create(disk, 'file', '');
      syncFolder(disk);
      disk.write(fd, Buffer.alloc(1024, 'x'), 0, 1024, 0);
      simulated.plan = ({ name }) => (name === 'fsync' ? 'EIO' : undefined);
      expect(() => disk.fsync(fd)).to.throw('EIO');
      simulated.plan = () => undefined;
      disk.fsync(fd);
    });
    expect(found.size).to.be.greaterThan(3);
  });

  it('is full: a write is short first, then it fails; what is removed makes room', () => {
    const simulated = make(1);
    const { disk, files } = simulated;
    files.capacityBytes = 100;
    const fd = create(disk, 'file', 'x'.repeat(80));
    expect(disk.write(fd, Buffer.alloc(50), 0, 50, 80)).to.equal(20);
    expect(() => disk.write(fd, Buffer.alloc(50), 0, 50, 100)).to.throw('ENOSPC');
    expect(() => disk.open(path('other'), NEW)).to.throw('ENOSPC');
    disk.unlink(path('file'));
    expect(() => disk.open(path('other'), NEW)).to.throw('ENOSPC');
    disk.close(fd);
    expect(disk.open(path('other'), NEW)).to.be.greaterThan(fd);
  });

  it('reads and writes a part where the plan says so', () => {
    const simulated = make(1);
    const { disk } = simulated;
    const fd = create(disk, 'file', 'abcdefgh');
    simulated.plan = () => 'short';
    expect(disk.read(fd, Buffer.alloc(8), 0, 8, 0)).to.equal(4);
    expect(disk.writev(fd, [Buffer.from('12'), Buffer.from('34')], 8)).to.equal(2);
    expect(disk.tryLock(fd, 'write', 'process')).to.equal(false);
  });

  it('fails every call after a power cut', () => {
    const simulated = make(1);
    const { disk } = simulated;
    const fd = create(disk, 'file', 'text');
    simulated.plan = () => 'cut before';
    expect(() => disk.fstat(fd)).to.throw('EIO');
    simulated.plan = () => undefined;
    for (const call of [
      () => disk.fstat(fd),
      () => disk.readdir(root),
      () => disk.open(path('file'), O_RDWR),
    ])
      expect(call).to.throw('EIO');
  });

  it('drops the locks of a process with any descriptor of the file, and has descriptors exclude each other', () => {
    const { disk, files } = make(1);
    const one = create(disk, 'file', '');
    const other = disk.open(path('file'), O_RDWR);
    expect(disk.tryLock(one, 'write', 'process')).to.equal(true);
    expect(disk.tryLock(other, 'write', 'process')).to.equal(true);
    expect(disk.tryLock(other, 'read', 'descriptor')).to.equal(false);
    disk.close(other);
    expect(files.find(path('file'))?.locks.size).to.equal(0);
    const [third, fourth] = [disk.open(path('file'), O_RDWR), disk.open(path('file'), O_RDWR)];
    expect(disk.tryLock(third, 'read', 'descriptor')).to.equal(true);
    expect(disk.tryLock(fourth, 'read', 'descriptor')).to.equal(true);
    expect(disk.tryLock(fourth, 'write', 'descriptor')).to.equal(false);
  });

  it('answers as the real disk does where nothing fails', () => {
    const name = fc.constantFrom('a', 'b', 'folder', 'folder/c', 'none/d');
    const step = fc.oneof(
      fc.tuple(fc.constantFrom('create', 'open', 'unlink', 'rmdir', 'mkdirs', 'stat', 'readdir'), name),
      fc.tuple(fc.constantFrom('rename', 'link'), name, name),
      fc.tuple(fc.constantFrom('write', 'read', 'ftruncate'), fc.nat(3), fc.nat(2000), fc.nat(2000)),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const answers = [realDisk, make(1).disk].map((disk) => {
          const folder = mkdtempSync(join(tmpdir(), 'same-'));
          try {
            const simulated = new SimulatedDisk({
              root: folder,
              order: 'strict',
              random: Math.random,
              nowNs: () => 0n,
            });
            return play(disk === realDisk ? disk : simulated.disk, folder, steps);
          } finally {
            rmSync(folder, { recursive: true, force: true });
          }
        });
        expect(answers[1]).to.deep.equal(answers[0]);
      }),
      { numRuns: Number(process.env['RUNS'] ?? 300) },
    );
  });
});

type Step = [string, ...(string | number)[]];

/** Runs the calls, and returns what each has answered. */
function play(disk: Disk, root: string, steps: readonly Step[]): unknown[] {
  const fds: number[] = [];
  const answers = steps.map(([call, ...args]) => {
    try {
      return answerOf(disk, root, fds, call, args);
    } catch (error) {
      return (error as { code?: unknown }).code;
    }
  });
  for (const fd of fds) disk.close(fd);
  return answers;
}

function answerOf(disk: Disk, root: string, fds: number[], call: string, args: (string | number)[]): unknown {
  const [one, other] = args.map((arg) => join(root, String(arg))) as [string, string];
  const [which = 0, at = 0, count = 0] = args as number[];
  const fd = fds[which % Math.max(1, fds.length)] ?? -1;
  switch (call) {
    case 'create':
      return fds.push(disk.open(one, O_RDWR | O_CREAT | O_EXCL, 0o600));
    case 'open':
      return disk.lstat(one)?.isDirectory() === true ? 'a folder' : fds.push(disk.open(one, O_RDWR));
    case 'unlink':
      return disk.lstat(one)?.isDirectory() === true ? 'a folder' : disk.unlink(one);
    case 'rmdir':
      return disk.lstat(one)?.isFile() === true ? 'a file' : disk.rmdir(one);
    case 'mkdirs':
      return disk.lstat(one)?.isFile() === true || one.includes('none')
        ? 'not tried'
        : disk.mkdirs(one, 0o700)?.slice(root.length);
    case 'stat': {
      const found = disk.lstat(one);
      return found && [found.isFile() && [found.size, found.nlink], found.isDirectory()];
    }
    case 'readdir':
      return disk.lstat(one)?.isFile() === true ? 'a file' : disk.readdir(one).toSorted();
    case 'rename':
    case 'link':
      if ([one, other].some((path) => disk.lstat(path)?.isDirectory() === true)) return 'a folder';
      return call === 'rename' ? disk.rename(one, other) : disk.link(one, other);
    case 'write':
      return fd === -1 ? 'none' : disk.write(fd, Buffer.alloc(count + 1, count), 0, count + 1, at);
    case 'ftruncate':
      return fd === -1 ? 'none' : disk.ftruncate(fd, at);
    default: {
      const room = Buffer.alloc(count + 1);
      return fd === -1 ? 'none' : [disk.read(fd, room, 0, room.length, at), room.toString('hex')];
    }
  }
}
