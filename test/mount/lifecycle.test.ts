/** How mounts begin and end: by umount, by signals, while in use, by a kill, in the background. */
import { expect } from 'chai';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { MadeUpMount, SMALL, makeFolder, run, until } from '../support/mount-made-up.ts';
import { needs } from '../support/needs.ts';

/** Linux counts in hundredths of a second (proc(5): utime and stime are fields 14 and 15, the second may have spaces in it). */
function cpuSecondsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function replaceByFile(path: string): void {
  rmSync(path, { recursive: true });
  writeFileSync(path, '');
}

for (const transport of ['kernel', 'fuse-native'] as const) {
  describe(`beginning and ending of a mount over ${transport}`, function () {
    this.timeout(60_000);
    const made: MadeUpMount[] = [];

    before(function () {
      needs(this, 'root', '/dev/fuse');
    });
    afterEach(async () => {
      for (const mount of made.splice(0)) await mount.clean();
    });

    const start = (flags?: string[], folder?: string, options = `transport=${transport}`): MadeUpMount => {
      const mount = new MadeUpMount(SMALL, options, flags, folder);
      made.push(mount);
      return mount;
    };

    it('ends with exit code 0 when it is unmounted from outside', async () => {
      const mount = await start().ready();
      expect((await run('umount', [mount.path])).status).to.equal(0);
      await mount.end();
      expect(mount.child.exitCode).to.equal(0);
    });

    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      it(`unmounts at ${signal}`, async () => {
        const mount = await start().ready();
        mount.child.kill(signal);
        await mount.end();
        expect(mount.isMounted).to.equal(false);
        expect(mount.child.exitCode).to.equal(0);
      });
    }

    it('leaves the name space at SIGTERM while in use, and serves who has it open until they are done', async () => {
      const mount = await start().ready();
      const reader = spawn('sh', ['-c', 'echo ready; read line; sha1sum < folder0/1.eml'], {
        cwd: mount.path,
      });
      let output = '';
      reader.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
      await until(() => output.includes('ready'), 'the reader');
      mount.child.kill('SIGTERM');
      await until(() => mount.output.includes('in use'), 'a lazy unmount');
      expect(mount.isMounted).to.equal(false);
      expect(mount.hasEnded).to.equal(false);
      reader.stdin.end('go on\n');
      await mount.end();
      expect(output).to.match(/[0-9a-f]{40}/);
      expect(mount.child.exitCode).to.equal(0);
    });

    it('ends at a second SIGTERM even while in use', async () => {
      const mount = await start().ready();
      const reader = spawn('sh', ['-c', 'echo ready; read line'], { cwd: mount.path });
      let isReady = false;
      reader.stdout.on('data', () => (isReady = true));
      await until(() => isReady, 'the reader');
      mount.child.kill('SIGTERM');
      await until(() => mount.output.includes('in use'), 'a lazy unmount');
      mount.child.kill('SIGTERM');
      await mount.end();
      expect(mount.child.signalCode).to.equal('SIGKILL');
      reader.stdin.end();
    });

    it('takes no processor time while nobody asks', async () => {
      const mount = await start().ready();
      const { status } = await mount.run('sh', ['-c', 'cat folder0/1*.eml | sha1sum']);
      expect(status).to.equal(0);
      const pid = mount.child.pid ?? 0;
      const before = cpuSecondsOf(pid);
      await setTimeout(1000);
      expect(cpuSecondsOf(pid) - before).to.be.below(0.3);
    });

    it('takes away what a killed process left, and mounts anew in its place', async () => {
      const first = await start().ready();
      first.child.kill('SIGKILL');
      await first.end();
      expect((await run('ls', [first.path])).stderr).to.contain('Transport endpoint is not connected');
      const second = await start(undefined, first.folder).ready();
      expect(second.output).to.contain('taking away a dead mount');
      expect((await second.run('ls', ['folder0'])).status).to.equal(0);
      second.child.kill('SIGTERM');
      await second.end();
      expect(second.isMounted).to.equal(false);
    });

    it('refuses to mount over a living mount, a file, nothing, or files that it would hide', async () => {
      const mount = await start().ready();
      const second = start(undefined, mount.folder);
      await second.end();
      expect(second.output).to.contain('is mounted already');
      expect(second.child.exitCode).to.equal(64);
      const refused = async (prepare: (path: string) => void): Promise<string> => {
        const folder = makeFolder();
        prepare(join(folder, 'mnt'));
        const refusal = start(undefined, folder);
        await refusal.end();
        expect(refusal.child.exitCode).to.be.oneOf([64, 66]);
        return refusal.output;
      };
      expect(await refused((path) => rmSync(path, { recursive: true }))).to.contain('no such file');
      expect(await refused((path) => writeFileSync(join(path, 'mail'), ''))).to.contain('is not empty');
      expect(await refused(replaceByFile)).to.contain('is not a folder');
    });

    it('mounts over a folder with files where it is told to', async () => {
      const folder = makeFolder();
      mkdirSync(join(folder, 'mnt', 'hidden'));
      const mount = await start(undefined, folder, `transport=${transport},nonempty`).ready();
      expect((await mount.run('ls', [])).stdout).to.not.contain('hidden');
    });

    it('returns from the background mount when it is in place, and its log goes to a file', async () => {
      const folder = makeFolder();
      const log = join(folder, 'log');
      const mount = start([], folder, `transport=${transport},log=${log}`);
      await mount.end();
      expect(mount.child.exitCode).to.equal(0);
      expect((await mount.run('cat', ['folder0/1.eml'])).stdout).to.have.length(SMALL.messageBytes);
      expect(readFileSync(log, 'utf8')).to.contain(`transport ${transport}`);
      expect((await run('umount', [mount.path])).status).to.equal(0);
    });

    it('tells in front why the background could not mount', async () => {
      const folder = makeFolder();
      rmSync(join(folder, 'mnt'), { recursive: true });
      const mount = start([], folder);
      await mount.end();
      expect(mount.child.exitCode).to.equal(66);
      expect(mount.output).to.contain(join(folder, 'mnt'));
    });

    it('holds no descriptor of who started it in the background, who may wait for their end', async () => {
      const mount = start([]);
      await new Promise((resolve) => mount.child.once('close', resolve));
      expect(mount.child.exitCode).to.equal(0);
      expect(mount.isMounted).to.equal(true);
    });
  });
}
