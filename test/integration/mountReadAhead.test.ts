/**
 * Who reads one message after another finds the next ones in the kernel's cache: they are there before they are asked for, and are what
 * the master sent, whatever else goes on. The kernel transport only: libfuse's high level cannot put anything there.
 */
import { expect } from 'chai';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { apply, idOf, message, upload } from '../server/made.ts';
import { BackupServer, runOurs } from '../support/backupdDaemon.ts';
import { run, waitUntil } from '../support/machine.ts';
import { MountDaemon } from '../support/mountDaemon.ts';
import { needs } from '../support/needs.ts';
import { SyncConnection } from '../support/syncConnection.ts';

const MESSAGES = 600;
/** Of all three sizes: some to a block, of several blocks, and so long that the kernel reads ahead by itself. */
const bodies = Array.from({ length: MESSAGES }, (_, at) => {
  const bytes = at % 50 === 27 ? 300_000 : at % 10 === 9 ? 100_000 : 500 + ((at * 37) % 9000);
  return message(`m${at}`) + randomBytes(bytes / 2).toString('hex');
});
const sums = bodies.map((body) => createHash('sha1').update(body, 'latin1').digest('hex'));

/** Says how many bytes of each file are in the kernel's cache (mincore(2)). */
const RESIDENT = `
import ctypes, mmap, os, sys
libc = ctypes.CDLL(None, use_errno=True)
for path in sys.argv[1:]:
    fd = os.open(path, os.O_RDONLY)
    pages = (os.fstat(fd).st_size + 4095) // 4096
    libc.mmap.restype = ctypes.c_void_p
    at = libc.mmap(None, ctypes.c_size_t(pages * 4096), mmap.PROT_READ, mmap.MAP_SHARED, fd, ctypes.c_long(0))
    there = (ctypes.c_ubyte * pages)()
    if libc.mincore(ctypes.c_void_p(at), ctypes.c_size_t(pages * 4096), there): raise OSError(ctypes.get_errno())
    print(sum(page & 1 for page in there) * 4096)
`;

describe('reading ahead', function () {
  this.timeout(60_000);

  let backup: BackupServer;
  let mount: MountDaemon;

  before(function () {
    needs(this, 'root', '/dev/fuse');
  });
  beforeEach(async () => {
    backup = await BackupServer.start();
    const master = await SyncConnection.login(backup.address);
    const name = 'user.anne';
    for (let at = 0; at < MESSAGES; at += 100) {
      expect((await master.exchange(upload(...bodies.slice(at, at + 100)))).reply).to.match(/^OK/);
    }
    expect((await master.exchange(apply({ name, bodies, uniqueid: idOf(name) }))).reply).to.match(/^OK/);
    master.close();
    // More than this machine may have processors for: several readers are read ahead for by several threads.
    mount = await MountDaemon.start(backup.conf, ['threads=3']);
  });
  afterEach(async () => {
    await mount?.stop();
    await backup?.stop();
  });

  async function shell(command: string): Promise<string> {
    const options = { cwd: `${mount.path}/anne/INBOX`, timeoutMs: 30_000 };
    const { stdout } = await run('sh', ['-c', command], options);
    return stdout;
  }
  const uids = (from: number, to: number): number[] =>
    Array.from({ length: to - from + 1 }, (_, at) => from + at);
  const filesOf = (of: readonly number[]): string => of.map((uid) => `${uid}.eml`).join(' ');

  async function sumsOf(of: readonly number[]): Promise<string[]> {
    const lines = await shell(`sha1sum ${filesOf(of)} 2>&1`);
    return lines.split('\n').slice(0, -1);
  }
  const rightSums = (of: readonly number[]): string[] => of.map((uid) => `${sums[uid - 1]}  ${uid}.eml`);

  async function residentBytes(of: readonly number[]): Promise<number[]> {
    const { stdout, stderr } = await run('python3', ['-c', RESIDENT, ...of.map((uid) => `${uid}.eml`)], {
      cwd: `${mount.path}/anne/INBOX`,
    });
    expect(stderr).to.equal('');
    return stdout.trim().split('\n').map(Number);
  }

  it('puts the next messages into the kernel’s cache, whole, and only when some were read in order', async () => {
    await shell('ls -l');
    await sumsOf([300, 100, 500, 200]);
    expect(await residentBytes([301, 101, 501, 201])).to.deep.equal([0, 0, 0, 0]);
    await sumsOf(uids(1, 3));
    const next = uids(4, 12);
    const whole = next.map((uid) => Math.ceil((bodies[uid - 1]?.length ?? 0) / 4096) * 4096);
    let resident: number[] = [];
    const areThere = async (): Promise<boolean> => {
      resident = await residentBytes(next);
      return resident.filter((bytes, at) => bytes === whole[at]).length >= next.length - 2;
    };
    await waitUntil(areThere, { what: () => `${resident.join()} of ${whole.join()}\n${mount.log}` });
    expect(await residentBytes([28]), 'a long one').to.deep.equal([0]);
    expect(await residentBytes([400]), 'far away').to.deep.equal([0]);
    expect(await sumsOf(uids(1, MESSAGES))).to.deep.equal(rightSums(uids(1, MESSAGES)));
    expect(mount.log).to.not.match(/ahead|READ/);
  });

  it('gives everybody the right bytes while several read and the backup is compacted again and again', async () => {
    const readers = new AbortController();
    const compacting = (async () => {
      do {
        const { code, stderr } = await runOurs('ctl_backups', [
          '-C',
          backup.conf,
          '-F',
          '-w',
          'compact',
          '-A',
        ]);
        expect(code, stderr).to.equal(0);
      } while (!readers.signal.aborted);
    })();
    const all = uids(1, MESSAGES);
    const heads = `for file in ${filesOf(all)}; do head -c 300 $file | head -1; done | sort | uniq -c`;
    const [first, second, others, tar, subjects] = await Promise.all([
      sumsOf(all),
      sumsOf(uids(200, MESSAGES)),
      sumsOf(all.filter((uid) => uid % 3 === 0)),
      shell(`ls -1U | sort -n | tar cf - -T - | tar xf - --to-command='sha1sum | cut -c1-40' | sort`),
      shell(heads),
    ]);
    readers.abort();
    await compacting;
    expect(first).to.deep.equal(rightSums(all));
    expect(second).to.deep.equal(rightSums(uids(200, MESSAGES)));
    expect(others).to.deep.equal(rightSums(all.filter((uid) => uid % 3 === 0)));
    expect(tar.trim().split('\n')).to.deep.equal(sums.toSorted());
    expect(subjects.trim()).to.match(new RegExp(`^${MESSAGES} From: Carl`));
  });

  it('leaves what is damaged to be told to whoever reads it', async () => {
    const path = (await backup.dataFile('anne')) ?? '';
    const bytes = readFileSync(path);
    bytes.fill(0x55, Math.floor(bytes.length / 2), Math.floor(bytes.length / 2) + 64);
    writeFileSync(path, bytes);
    const all = uids(1, MESSAGES);
    const right = rightSums(all);
    const said = await sumsOf(all);
    const wrong = said.filter((line) => !right.includes(line));
    expect(wrong.length).to.be.within(1, 100);
    for (const line of wrong) expect(line).to.match(/^sha1sum: \d+\.eml: Input\/output error$/);
    expect(said).to.have.length(MESSAGES);
    await sumsOf(all);
    const told = mount.log.split('\n').filter((line) => line.includes('are damaged'));
    expect(told).to.have.length(wrong.length);
    for (const line of told)
      expect(line).to.match(/^mount: READ: .*anne_\w{6}: user\.anne.*: UID \d+: the bytes of [0-9a-f]{40}/);
  });
});
