/** Programs that copy whole trees, and programs that ask a lot of one, over a store on a real mount: each run as its users do. */
import { expect } from 'chai';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder, run } from '../support/machine.ts';
import { annesStore } from '../support/mailStore.ts';
import type { MailStore } from '../support/mailStore.ts';
import { MountDaemon } from '../support/mountDaemon.ts';
import { needs } from '../support/needs.ts';

for (const transport of ['kernel', 'fuse-native'] as const) {
  describe(`tape programs over ${transport}`, function () {
    this.timeout(60_000);
    let store: MailStore;
    let mount: MountDaemon | undefined;
    let out: string;
    /** Paths with the sums of their bytes, as the mount has them. */
    let sums: string;

    const SUMS = "find . -type f -exec sha1sum '{}' + | sort -k 2";
    const sh = async (command: string, folder?: string): Promise<string> => {
      const { code, stdout, stderr } = await run('sh', ['-c', `cd ${folder ?? mount?.path} && ${command}`]);
      expect([code, stderr], command).to.deep.equal([0, '']);
      return stdout;
    };

    before(async function () {
      needs(this, 'root', '/dev/fuse', 'the package rsync', 'the package cpio', 'the package vim-tiny');
      store = await annesStore();
      await store.put(
        'anne',
        750,
        'user.anne.many',
        Array.from({ length: 300 }, (_, at) => [at + 1, at + 20]),
      );
      mount = await MountDaemon.start(store.conf, [`transport=${transport}`]);
      out = makeFolder('tape');
      sums = await sh(SUMS);
      expect(sums.split('\n')).to.have.length(308);
    });
    after(async () => {
      await mount?.stop();
      await store?.remove();
      if (out !== undefined) rmSync(out, { recursive: true, force: true });
    });

    const folder = (name: string): Promise<string> => sh(`mkdir ${name} && printf ${out}/${name}`, out);
    /** Of all of the mount. */
    const copy = async (name: string): Promise<string> => {
      const copied = await folder(name);
      await sh(`cp -a . ${copied}`);
      return copied;
    };

    it('tar -g writes all at first, then nothing, then what is new or was flagged', async () => {
      const tape = await folder('tar');
      const dump = (number: number) =>
        sh(
          `tar -g ${tape}/state -cf ${tape}/${number}.tar . && tar -tf ${tape}/${number}.tar | grep -c eml$ || true`,
        );
      expect(await dump(0)).to.equal('307\n');
      expect(await dump(1)).to.equal('0\n');
      await store.put('anne', 800, 'user.anne.new', [
        [1, 9],
        [2, 10],
      ]);
      // As tar sees it: a folder that was not there before is dumped whole.
      expect(await run('sh', ['-c', 'sleep 1.1']).then(() => dump(2))).to.equal('2\n');
      const restored = await folder('restored');
      for (const number of [0, 2]) await sh(`tar -xf ${tape}/${number}.tar`, restored);
      expect(await sh(SUMS, restored)).to.equal(await sh(SUMS));
      sums = await sh(SUMS);
    });

    it('cpio, in its formats, takes all and gives it back', async () => {
      for (const format of ['newc', 'crc', 'odc']) {
        const restored = await folder(`cpio-${format}`);
        await sh(`find . -depth -print0 | cpio -0 -o -H ${format} --quiet > ${out}/cpio.${format}`);
        await sh(`cpio -i -d -m --quiet < ${out}/cpio.${format}`, restored);
        expect(await sh(SUMS, restored), format).to.equal(sums);
      }
    });

    it('rsync -aHX and cp -a take all with times and attributes, and rsync finds nothing the second time', async () => {
      const synced = await folder('rsync');
      await sh(`rsync -aHX ./ ${synced}`);
      expect(await sh(`rsync -aHXic ./ ${synced}`)).to.equal('');
      expect(await sh(SUMS, synced)).to.equal(sums);
      expect(await sh(`rsync -aHXi ./ ${await copy('cp')}`)).to.equal('');
    });

    it('diff -r finds no difference between the mount and a copy, or between now and .at/now', async () => {
      expect(await sh(`diff -r . ${await copy('diff')}`)).to.equal('');
      expect(await sh('diff -r anne/INBOX anne/.at/now/INBOX')).to.equal('');
    });

    it('dd reads each file in records of a tape’s size', async () => {
      const command = (bytes: number) =>
        `find . -type f -name '*.eml' | sort | while read -r file; do dd if="$file" bs=${bytes} status=none; done | sha1sum`;
      expect(await sh(command(512))).to.equal(await sh(command(262_144)));
    });

    it('find -newer and -newermt go by INTERNALDATE, -newerct by the last change of flags', async () => {
      expect((await sh('find anne/many -name "*.eml" -newer anne/many/290.eml | wc -l')).trim()).to.equal(
        '10',
      );
      expect((await sh('find anne/many -newermt @1700000290 -name "*.eml" | wc -l')).trim()).to.equal('10');
      expect((await sh('find anne/many -newerct @1700000290 -name "*.eml" | wc -l')).trim()).to.equal('0');
      expect((await sh('find . -empty -type f | wc -l')).trim()).to.equal('0');
      expect((await sh('find anne -size +100k')).trim()).to.equal('anne/2024/9.eml');
    });

    it('grep -r finds a word in the one message that has it, and du counts what is there', async () => {
      expect(await sh('grep -rl "number 77\\." .')).to.equal('./anne/many/58.eml\n');
      const bytes = Number((await sh("find . -type f -printf '%s\\n' | awk '{s+=$1} END {print s}'")).trim());
      expect(Number((await sh('du -sb --apparent-size .')).split('\t')[0])).to.equal(bytes);
    });

    it('find -inum, cp --reflink=auto and --sparse=always, getfattr -R and rsync --checksum find all as it is', async () => {
      const file = 'anne/2024/9.eml';
      expect(await sh(`find . -inum $(stat -c %i ${file})`)).to.equal(`./${file}\n`);
      for (const how of ['--reflink=auto', '--sparse=always']) {
        expect(await sh(`cp ${how} ${file} ${out}/one && cmp ${file} ${out}/one`)).to.equal('');
      }
      expect((await sh('getfattr -d -R anne | grep -c user.cyrus.guid')).trim()).to.equal(
        (await sh('find anne -name "*.eml" | wc -l')).trim(),
      );
      expect(await sh(`rsync -rcni ./ ${await copy('checksums')}`)).to.not.contain('>f');
    });

    it('vim opens a message, and may not write it', async () => {
      const edit = (...commands: string[]) => {
        const args = commands.flatMap((command) => ['-c', command]);
        const file = join(mount?.path ?? '', 'anne/INBOX/2.eml');
        return run('vim.tiny', ['-es', '-u', 'NONE', '-n', ...args, file], { timeoutMs: 10_000 });
      };
      expect((await edit('%print', 'quit!')).stdout).to.contain('The body of number 2.');
      // Nothing of it is an end that a signal made.
      expect((await edit('1delete', 'silent! write!', 'quit!')).code).to.be.within(0, 1);
      expect(await sh(SUMS)).to.equal(sums);
    });

    it('a file manager’s storm of stats, small reads and half-read lists is answered', async () => {
      const storm = `
import os, sys
from concurrent.futures import ThreadPoolExecutor
def thumbnail(path):
    os.stat(path)
    try: os.getxattr(path, 'user.xdg.origin.url')
    except OSError: pass
    with open(path, 'rb') as file: head = file.read(256)
    os.stat(os.path.dirname(path) + '/.directory') if os.path.exists(os.path.dirname(path) + '/.directory') else None
    list(zip(range(5), os.scandir(os.path.dirname(path))))
    return len(head)
paths = [os.path.join(place, name) for place, _, names in os.walk('.') for name in names]
with ThreadPoolExecutor(12) as pool: sizes = list(pool.map(thumbnail, paths * 3))
assert min(sizes) > 100
print(len(sizes))`;
      const { stdout, stderr } = await run('env', ['-C', mount?.path ?? '', 'python3', '-c', storm]);
      expect([stdout, stderr]).to.deep.equal([`${3 * 309}\n`, '']);
    });

    it('a long list that is being read goes on where it was while messages come and go', async () => {
      const reader = `
import os, sys
names = os.scandir('anne/many')
first = [next(names).name for _ in range(3)]
print('started', flush=True)
sys.stdin.readline()
print(len(set(first + [each.name for each in names])))`;
      const { spawn } = await import('node:child_process');
      const child = spawn('python3', ['-c', reader], { cwd: mount?.path ?? '' });
      let said = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
      await new Promise((resolve) => child.stdout.once('data', resolve));
      await store.flag('anne', 900, 'user.anne.many', [[300, 319, '\\Expunged']]);
      await store.put('anne', 910, 'user.anne.many', [[301, 9]]);
      child.stdin.end('\n');
      await new Promise((resolve) => child.on('close', resolve));
      expect(Number(said.split('\n')[1])).to.be.within(299, 301);
    });
  });
}
